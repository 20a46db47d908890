"""Programs that measure: run them as ``python -m vinpaint.benchmarks.NAME``."""
