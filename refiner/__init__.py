"""Learning: synthetic defects and scenes now; the network, its data and its training later."""
