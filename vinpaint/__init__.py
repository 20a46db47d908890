"""Recover what is hidden in a video: find it, bring back what other frames saw, say what is invented."""
__version__ = "0.1.0"
