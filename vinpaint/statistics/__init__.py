"""Statistics of pixels over time, and which frames to take them from. Knows arrays only."""

from __future__ import annotations

from vinpaint.statistics.clustering import clusters
from vinpaint.statistics.persistence import gradient_persistence, persistence
from vinpaint.statistics.sampling import Plan, plan_samples, take
from vinpaint.statistics.scenes import scene_numbers
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
    "Plan",
    "block_means",
    "clusters",
    "extremes",
    "gradient_deviation",
    "gradient_mean_where",
    "gradient_median",
    "gradient_median_and_mad",
    "gradient_persistence",
    "mean_and_deviation",
    "median",
    "median_and_mad",
    "mode",
    "persistence",
    "plan_samples",
    "scene_numbers",
    "take",
]
