"""What is said of a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import FloatMap, Frames, Mask


@dataclass(frozen=True, eq=False)
class Leak:
    """The room behind a virtual background, as far as a call reveals it.

    Attributes
    ----------
    room : (H, W, 3) uint8
        RGB, displayed orientation; outside ``coverage`` the virtual background, for orientation only.
    coverage : (H, W) bool
        Where the room is reconstructed from evidence.
    confidence : (H, W) float32
        Probability, 0 to 1, that the colour is the room's within what the eye tolerates (ΔE00 about 6).
    kind : str
        ``image``: the service shows a picture; ``blurred``: it shows the room, blurred.
    background : (H, W, 3) uint8
        What the service shows instead of the room.
    leaking : (T,) float32
        Share of the frame that shows the room, frame by frame, 0 to 1.
    grown : (T,) float32
        Share of the frame that has leaked up to each frame, 0 to 1, rising.
    first : int
        Number of the first of these frames in the clip.
    """

    room: Frames
    coverage: Mask
    confidence: FloatMap
    kind: str
    background: Frames
    leaking: NDArray[np.float32]
    grown: NDArray[np.float32]
    first: int = 0

    def __repr__(self) -> str:
        height, width = self.coverage.shape
        return f"Leak({width}x{height}, {self.kind}, {100 * self.coverage.mean():.2f} % of the room)"

    @property
    def verdict(self) -> str:
        """``found`` or ``clean``."""
        return "found" if self.coverage.any() else "clean"

    @property
    def reason(self) -> str:
        """The verdict in words."""
        shown = {"image": "a virtual image", "blurred": "a blurred room"}[self.kind]
        if not self.coverage.any():
            return f"behind {shown} no part of the room was recovered with certainty"
        most = int(self.leaking.argmax())
        caution = "" if self.kind == "blurred" else "; behind pictures most such claims have been wrong so far"
        return (
            f"behind {shown} {100 * self.coverage.mean():.1f} % of the room can be recovered; it leaks in "
            f"{int((self.leaking > 0).sum())} of {len(self.leaking)} frames, most in frame {self.first + most} "
            f"({100 * self.leaking[most]:.1f} % of it){caution}"
        )

    def report(self) -> dict[str, Any]:
        """All but the pictures, ready for JSON."""
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "background": self.kind,
            "coverage": float(self.coverage.mean()),
            "first_frame": self.first,
            "frames": len(self.leaking),
            "frames_leaking": int((self.leaking > 0).sum()),
            "mean_leaking": float(self.leaking.mean()) if len(self.leaking) else 0.0,
            "leaking": [round(float(share), 5) for share in self.leaking],
            "coverage_over_time": [round(float(share), 5) for share in self.grown],
            "blemishes": [],
        }
