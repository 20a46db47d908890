"""Find static blemishes: what stands still in front of a moving scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Blemish
from vinpaint.detect.blobs import find_stains
from vinpaint.detect.evidence import Evidence, gather
from vinpaint.detect.opacity import measure
from vinpaint.detect.regions import Region, find_regions, picture_area, unit_of
from vinpaint.errors import UsageError
from vinpaint.masks.regions import dilate

# These thresholds were chosen on ten clips of DAVIS and the nine clips that the evaluator keeps for training, each
# clean and with synthetic blemishes.

FEWEST = 8
"""Samples below which nothing can be said about what moves."""

SMALLEST = 16
"""Pixels of the shorter side below which there are no surroundings to compare with."""

TOO_STILL = 0.5
"""Share of moving pixels below which a clip without a finding is not called clean."""

TOO_MUCH = 0.2
"""Share of the frame above which findings are taken for scene."""

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


def detect_static(samples: NDArray[np.uint8], *, shots: NDArray[Any] | None = None) -> Detection:
    """Find what stands still in front of a moving scene: stains, logos, captions, watermarks.

    Parameters
    ----------
    samples : (N, H, W, 3) uint8
        RGB frames spread over the clip; about a hundred are enough.
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
    """
    _check(samples, shots)
    if len(samples) < FEWEST:
        reason = f"{len(samples)} frame{'s' * (len(samples) != 1)} cannot show what moves; give at least {FEWEST}"
        return _nothing(samples, "undecidable", reason)
    if min(samples.shape[1:3]) < SMALLEST:
        return _nothing(samples, "undecidable", f"the frames are too small; {SMALLEST} pixels a side are needed")
    evidence = gather(samples, shots)
    regions = _with_stains(evidence, find_regions(evidence))
    if not regions:
        return _nothing(samples, *_explain(evidence))
    covered = float(np.logical_or.reduce([region.mask for region in regions]).mean())
    if covered > TOO_MUCH:
        reason = f"{100 * covered:.0f} % of the picture stands still; that is rather scene than blemish"
        return _nothing(samples, "undecidable", reason)
    return _found(samples, evidence, regions)


def _with_stains(evidence: Evidence, sharp: list[Region]) -> list[Region]:
    """The soft stains that touch no sharp mark, beside those; largest first."""
    known = np.logical_or.reduce([np.zeros(evidence.score.shape, bool), *(region.mask for region in sharp)])
    near = dilate(known, unit_of(known.shape))
    stains = find_stains(evidence, picture_area(evidence))
    regions = sharp + [Region(mask, confidence, 0.0) for mask, confidence in stains if not (mask & near).any()]
    return sorted(regions, key=lambda region: -int(region.mask.sum()))


def _check(samples: NDArray[np.uint8], shots: NDArray[Any] | None) -> None:
    if samples.ndim != 4 or samples.shape[3] != 3 or samples.dtype != np.uint8 or not samples.size:
        raise UsageError(f"samples are {samples.dtype} {samples.shape}; give RGB as uint8 of shape (N, H, W, 3)")
    if shots is not None and shots.shape != samples.shape[:1]:
        raise UsageError(f"{shots.size} shot numbers for {len(samples)} samples; give one for each")


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


def _found(samples: NDArray[np.uint8], evidence: Evidence, regions: list[Region]) -> Detection:
    mask = np.logical_or.reduce([region.mask for region in regions])
    alpha, colour = measure(samples, evidence, mask)
    confidence = np.zeros(mask.shape, np.float32)
    for region in regions:
        confidence[region.mask] = np.maximum(confidence[region.mask], np.float32(region.confidence))
    findings = tuple(
        Finding(region.box, int(region.mask.sum()), float(alpha[region.mask].mean()), region.confidence)
        for region in regions
    )
    count = len(findings)
    reason = (
        f"{count} blemish{'es' * (count != 1)} {'stand' if count != 1 else 'stands'} still before the moving scene"
        f" ({100 * mask.mean():.1f} % of the picture)"
    )
    return Detection(Blemish(mask, alpha, colour, confidence), "found", reason, len(samples), findings)
