"""How much of a room behind a virtual background was brought back, and how right it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000

from vinpaint.contracts import FloatMap, Frames, Mask

_colour_difference: Any = deltaE_ciede2000  # untyped

RECOVERED = 4.0
"""ΔE00 below which a pixel counts as recovered (rounded, as the published score keeps it in 8 bits)."""

RIGHT = 6.0
"""ΔE00 below which a claimed pixel counts as right."""


@dataclass(frozen=True)
class LeakScore:
    """Figures of one reconstruction, shares from 0 to 1.

    Attributes
    ----------
    score : float
        Share of the leak, weighted by its strongest opacity, whose colour was returned as it is mixed into the call.
    room : float
        The same against the room itself, and only where coverage is claimed.
    precision : float or None
        Share of the claimed pixels that have the room's colour; None without a claim.
    coverage : float
        Share of the frame that is claimed.
    """

    score: float
    room: float
    precision: float | None
    coverage: float


def colour_distance(picture: Frames, reference: Frames) -> NDArray[np.float64]:
    """CIEDE2000 of two RGB pictures (H, W, 3) of 0 to 255, (H, W).

    References
    ----------
    Sharma, Wu, Dalal: The CIEDE2000 Color-Difference Formula, Color Research and Application 30(1), 2005.
    """
    lab = [cv2.cvtColor(part.astype(np.float32) / 255, cv2.COLOR_RGB2Lab) for part in (picture, reference)]
    distance: NDArray[np.float64] = _colour_difference(*lab)
    return distance


def leak_score(found: Frames, claimed: Mask, room: Frames, virtual: Frames, opacity: FloatMap) -> LeakScore:
    """Compare a reconstruction with the truth.

    Parameters
    ----------
    found : (H, W, 3) uint8
        The reconstructed room, RGB.
    claimed : (H, W) bool
        Where it is said to be the room.
    room, virtual : (H, W, 3) uint8
        The room, and what the service shows instead.
    opacity : (H, W) float
        The strongest opacity, 0 to 1, with which the room ever showed.

    Raises
    ------
    ValueError
        If nothing leaks.

    References
    ----------
    Weissberg et al. 2025 (VADER): the recovery score.
    """
    if not opacity.sum() > 0:
        raise ValueError("nothing leaks; give a call in which the room shows")
    share = np.asarray(opacity, np.float64)[..., None]
    mixture = np.where(share > 0, np.rint(virtual * (1 - share) + room * share), 0).astype(np.uint8)
    apart = colour_distance(found, room)
    return LeakScore(
        score=_weighed(np.rint(colour_distance(found, mixture)) < RECOVERED, opacity),
        room=_weighed((np.rint(apart) < RECOVERED) & claimed, opacity),
        precision=float((apart[claimed] < RIGHT).mean()) if claimed.any() else None,
        coverage=float(claimed.mean()),
    )


def _weighed(counted: Mask, opacity: FloatMap) -> float:
    return float(opacity[counted].sum() / opacity.sum())
