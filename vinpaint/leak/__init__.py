"""Leaks of virtual backgrounds."""
