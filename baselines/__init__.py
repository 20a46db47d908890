"""What vinpaint is measured against: the methods of others as fill methods, and networks on whole frames."""
