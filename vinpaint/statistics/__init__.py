"""Statistics of pixels over time, and which frames to take them from. Knows arrays only."""

from __future__ import annotations

from vinpaint.statistics.sampling import sample_frames, sample_shots
from vinpaint.statistics.temporal import (
    block_means,
    extremes,
    gradient_deviation,
    gradient_mean_where,
    gradient_median,
    gradient_median_and_mad,
    mean_and_deviation,
    median,
    median_and_mad,
    mode,
)

__all__ = [
    "block_means",
    "extremes",
    "gradient_deviation",
    "gradient_mean_where",
    "gradient_median",
    "gradient_median_and_mad",
    "mean_and_deviation",
    "median",
    "median_and_mad",
    "mode",
    "sample_frames",
    "sample_shots",
]
