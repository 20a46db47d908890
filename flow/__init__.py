"""Optical flow on arrays: estimation, consistency, completion, alignment and propagation. Knows no files."""
