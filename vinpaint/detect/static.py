"""Find static blemishes: what stands still in front of a moving scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vinpaint import statistics
from vinpaint.contracts import Blemish
from vinpaint.detect.blobs import find_spots
from vinpaint.detect.evidence import Evidence, gather
from vinpaint.detect.maps import sized
from vinpaint.detect.measure import Part, combine, measure_marks, measure_spot, measure_stain
from vinpaint.detect.net import look
from vinpaint.detect.numbered import numbered
from vinpaint.detect.regions import Region, everything_moves, find_regions, picture_area
from vinpaint.detect.ridges import find_lines
from vinpaint.detect.stains import Stain, find_stains

# These thresholds were chosen on ten clips of DAVIS and the nine clips that the evaluator keeps for training, each
# clean and with synthetic blemishes.

FEWEST = 8
"""Samples below which nothing can be said about what moves."""

SMALLEST = 16
"""Pixels of the shorter side below which there are no surroundings to compare with."""

TOO_STILL = 0.5
"""Share of moving pixels below which a clip without a finding is not called clean."""

TOO_MUCH = 0.2
"""Share of the frame above which marks are taken for scene."""

SAME = 0.4
"""Share of the smaller of a mark and a stain that the other has to cover to be taken for the same."""

WITHIN = 0.6
"""Share of a mark that lies in a stain of which it is a part."""

PART = 0.5
"""Size of such a part, at most, in sizes of the stain: a larger mark is none, unless the stain explains its edges."""

LEAST_PASSING = 0.03
"""Share of the scene that a stain lets through, at least, where the scene behind it is told."""

EXPLAINED = 0.35
"""Share of the static gradient that a soft shape has to account for; that of a logo accounts for a tenth."""

Verdict = Literal["found", "clean", "undecidable"]


@dataclass(frozen=True)
class Finding:
    """One blemish of a report.

    Attributes
    ----------
    box : tuple of int
        Bounding box: x, y, width, height.
    area : int
        Pixels.
    opacity, confidence : float
        0 to 1; the opacity is the mean over its pixels.
    """

    box: tuple[int, int, int, int]
    area: int
    opacity: float
    confidence: float


@dataclass(frozen=True, eq=False)
class Detection:
    """What a detector says about a clip.

    Attributes
    ----------
    blemish : Blemish
        All clear (mask False, alpha 0) unless the verdict is ``found``.
    verdict : str
        ``found``, ``clean`` or ``undecidable``.
    reason : str
        One sentence for people.
    frames : int
        Samples that were looked at.
    regions : tuple of Finding
        The blemishes one by one, largest first.
    """

    blemish: Blemish
    verdict: Verdict
    reason: str
    frames: int
    regions: tuple[Finding, ...]

    def report(self) -> dict[str, Any]:
        """The report as plain types, ready for JSON."""
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "coverage": float(self.blemish.mask.mean()),
            "frames": self.frames,
            "blemishes": [
                {
                    "bbox": list(region.box),
                    "area": region.area,
                    "opacity": round(region.opacity, 3),
                    "confidence": round(region.confidence, 3),
                }
                for region in self.regions
            ],
        }


def detect_static(
    samples: NDArray[np.uint8], *, numbers: NDArray[Any] | None = None, shots: NDArray[Any] | None = None
) -> Detection:
    """Find what stands still in front of a moving scene: stains, logos, captions, watermarks.

    Parameters
    ----------
    samples : (N, H, W, 3) uint8
        RGB frames from all over the clip; about a hundred are enough.
    numbers : (N,) int, optional
        Frame number of every sample, rising; as if consecutive if not given. Frames near each other show how the
        scene moves.
    shots : (N,) int, optional
        Shot number of every sample. What stands still within one shot may be scene, over several it is not.

    Returns
    -------
    Detection

    Raises
    ------
    UsageError
        If shapes or types are not as above.

    References
    ----------
    Dekel, Rubinstein, Liu, Freeman: On the Effectiveness of Visible Watermarks, CVPR 2017 (gradients that stay).
    Gu, Ramamoorthi, Belhumeur, Nayar: Removing Image Artifacts Due to Dirty Camera Lenses and Thin Occluders,
    SIGGRAPH Asia 2009 (deviation inside and outside gives the opacity).
    Harris, Chiang: Nonuniformity Correction of Infrared Image Sequences Using the Constant-Statistics Constraint,
    IEEE Transactions on Image Processing 1999 (gain and offset of each place of the frame from the scene).
    """
    numbers, shots = numbered(samples, numbers, shots)
    if len(samples) < FEWEST:
        reason = f"{len(samples)} frame{'s' * (len(samples) != 1)} cannot show what moves; give at least {FEWEST}"
        return _nothing(samples, "undecidable", reason)
    if min(samples.shape[1:3]) < SMALLEST:
        return _nothing(samples, "undecidable", f"the frames are too small; {SMALLEST} pixels a side are needed")
    evidence = gather(samples, shots)
    small, shape = sized(samples), (samples.shape[1], samples.shape[2])
    lines = find_lines(small, shape) if everything_moves(evidence) else []
    regions = find_regions(evidence, look(small, shape, shots), lines)
    marks, stains = _apart(regions, find_stains(samples, numbers, shots), samples, evidence)
    covered = float(np.logical_or.reduce([mark.mask for mark in marks]).mean()) if marks else 0.0
    if covered > TOO_MUCH:
        reason = f"{100 * covered:.0f} % of the picture stands still; that is rather scene than blemish"
        return _nothing(samples, "undecidable", reason)
    parts = [*measure_marks(samples, evidence, marks, numbers, shots), *(measure_stain(stain) for stain in stains)]
    parts = _with_pixels(parts) or _with_pixels(_spots(samples, evidence))
    if not parts:
        return _nothing(samples, *_explain(evidence))
    return _found(samples, parts)


def _apart(
    marks: list[Region], stains: list[Stain], samples: NDArray[np.uint8], evidence: Evidence
) -> tuple[list[Region], list[Stain]]:
    """Marks and stains that share no pixels: of two that do, the stain stays if it holds or explains the mark."""

    def same(stain: Stain, mark: Region) -> bool:
        return bool((stain.mask & mark.mask).sum() > SAME * min(stain.mask.sum(), mark.mask.sum()))

    def stays(stain: Stain) -> bool:
        rivals = [mark for mark in marks if same(stain, mark)]
        held = all(
            (stain.mask & mark.mask).sum() > WITHIN * mark.mask.sum() and mark.mask.sum() < PART * stain.mask.sum()
            for mark in rivals
        )
        return held or _explained(stain, samples, evidence) > EXPLAINED

    soft = [stain for stain in stains if stays(stain)]
    return [mark for mark in marks if not any(same(stain, mark) for stain in soft)], soft


def _explained(stain: Stain, samples: NDArray[np.uint8], evidence: Evidence) -> float:
    """The share of the static gradient in a stain that its soft shape accounts for."""
    rows, columns = (slice(int(v.min()), int(v.max()) + 2) for v in np.nonzero(stain.mask))
    alpha, static = stain.alpha[rows, columns], evidence.gradient[:, rows, columns]
    usual = statistics.median(np.ascontiguousarray(samples[:, rows, columns]))
    inside = stain.mask[rows, columns]
    passing = np.maximum(1 - alpha[inside], LEAST_PASSING)[:, None]
    scene = np.median((usual - 255 * alpha[..., None] * stain.colour)[inside] / passing, axis=0)
    shape = alpha[..., None] * (255 * stain.colour - scene)
    soft = np.stack([np.diff(shape, axis=1, append=shape[:, -1:]), np.diff(shape, axis=0, append=shape[-1:])])
    left, before = (np.square(g[:, inside]).sum() for g in (static - soft, static))
    return float(1 - left / max(before, 1e-6))


def _spots(samples: NDArray[np.uint8], evidence: Evidence) -> list[Part]:
    """Stains that show in the statistics only: of clips whose frames lie too far apart to be matched."""
    return [
        measure_spot(samples, evidence, mask, confidence)
        for mask, confidence in find_spots(evidence, picture_area(evidence))
    ]


def _with_pixels(parts: list[Part]) -> list[Part]:
    """Without those of which nothing is left once they are measured."""
    return [part for part in parts if part.mask.any()]


def _explain(evidence: Evidence) -> tuple[Verdict, str]:
    """The verdict without a finding, and why."""
    share = float(evidence.lively.mean())
    if share < TOO_STILL:
        return (
            "undecidable",
            f"only {100 * share:.0f} % of the picture changes over time; a blemish cannot be told from a still scene",
        )
    return "clean", f"nothing stands still before the moving scene ({100 * share:.0f} % of the picture moves)"


def _nothing(samples: NDArray[np.uint8], verdict: Verdict, reason: str) -> Detection:
    shape = samples.shape[1:3]
    empty = np.zeros(shape, np.float32)
    blemish = Blemish(np.zeros(shape, bool), empty, np.zeros((*shape, 3), np.float32), empty.copy())
    return Detection(blemish, verdict, reason, len(samples), ())


def _found(samples: NDArray[np.uint8], parts: list[Part]) -> Detection:
    parts = sorted(parts, key=lambda part: -int(part.mask.sum()))
    blemish = combine(parts)
    findings = tuple(
        Finding(part.box, int(part.mask.sum()), float(part.alpha[part.mask].mean()), part.confidence) for part in parts
    )
    count = len(findings)
    reason = (
        f"{count} blemish{'es' * (count != 1)} {'stand' if count != 1 else 'stands'} still before the moving scene"
        f" ({100 * blemish.mask.mean():.1f} % of the picture)"
    )
    return Detection(blemish, "found", reason, len(samples), findings)
