"""The contract that every fill method meets, ours and the baselines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vinpaint.contracts import Blemish, Filled, Frames, Mask
from vinpaint.errors import UsageError

if TYPE_CHECKING:
    from vinpaint.video.layout import Layout


@dataclass(frozen=True, eq=False)
class Window:
    """A stretch of one shot, cut to a region: what a method sees at a time.

    Attributes
    ----------
    frames : (T, H, W, 3) uint8 or uint16
        RGB. Holds the frames to fill and, around them, as much look-around as the shot has.
    mask : (T, H, W) bool
        True = hidden. A static mask comes as a broadcast view (stride 0 over time).
    first : int
        Index of ``frames[0]`` in the clip. Equal indices mean equal frames for as long as a state lives, so a
        method may keep what it computed per frame or pair of frames under this index.
    start, stop : int
        Fill ``frames[start:stop]``; the rest is only there to look at.
    blemish : Blemish or None
        What is known of a static blemish, cut to the region.
    layout : Layout or None
        How the frames were stored before they became RGB; None if they always were.
    """

    frames: Frames
    mask: Mask
    first: int
    start: int
    stop: int
    blemish: Blemish | None = None
    layout: Layout | None = None

    def __repr__(self) -> str:
        count, height, width = self.mask.shape
        return f"Window({count} frames from {self.first}, fill {self.start}:{self.stop}, {width}x{height})"


class FillMethod(ABC):
    """Fills hidden pixels from what is visible.

    A method never changes its input, leaves every visible pixel as it is, and gives the same result for a frame
    whatever window it comes in, as long as the window holds ``look_around`` frames on both sides of it (or the ends
    of the shot).

    Attributes
    ----------
    look_around : int
        Frames before and after a frame that the method wants to see.
    margin : float
        Surroundings that the method wants to see, in multiples of the hole's smaller side.
    temporal : bool
        Whether the method uses other frames at all.
    wants_blemish : bool
        Whether the method makes use of the opacity and colour of what a mask hides.
    blind : bool
        Whether the method sees what a mask hides, and finds out by itself what is wrong with it. Cleaning with it is
        filling whole frames.
    """

    look_around: int = 0
    margin: float = 1.0
    temporal: bool = False
    wants_blemish: bool = False
    blind: bool = False

    def suited(self, mask: Mask, blemish: Blemish | None, layout: Layout | None = None) -> FillMethod:
        """The method for one static mask: the same, or one that looks at less of the clip.

        Parameters
        ----------
        mask : (H, W) bool
            Hidden in every frame, or in none.
        blemish : Blemish or None
            What is known of what hides it.
        layout : Layout, optional
            How the frames are stored.
        """
        return self

    def new_state(self) -> Any:
        """What the method keeps between the windows of one region and shot; None if nothing."""
        return None

    @abstractmethod
    def fill_window(self, window: Window, state: Any) -> Filled:
        """Fill ``window.frames[start:stop]``; the result holds those frames only."""

    def fill(self, frames: Frames, mask: Mask, *, blemish: Blemish | None = None) -> Filled:
        """Fill a whole clip (one shot) at once.

        Parameters
        ----------
        frames : (T, H, W, 3) uint8 or uint16
            RGB; never changed.
        mask : (H, W) or (T, H, W) bool
            True = hidden.
        blemish : Blemish, optional
            What is known of a static blemish.

        Returns
        -------
        Filled
            T frames.

        Raises
        ------
        UsageError
            If shapes or dtypes are not as above.
        """
        check_arrays(frames, mask)
        whole = np.broadcast_to(mask, frames.shape[:3])
        return self.fill_window(Window(frames, whole, 0, 0, len(frames), blemish), self.new_state())


def check_arrays(frames: Frames, mask: Mask) -> None:
    """Raise UsageError unless the arrays are what the contract says."""
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype not in (np.uint8, np.uint16):
        raise UsageError(f"frames are {frames.dtype} {frames.shape}; give RGB as uint8 or uint16 of shape (T, H, W, 3)")
    if mask.dtype != np.bool_ or mask.shape not in (frames.shape[1:3], frames.shape[:3]):
        raise UsageError(
            f"mask is {mask.dtype} {mask.shape} for frames {frames.shape}; give bool of shape (H, W) or (T, H, W)"
        )


def quantised(values: NDArray[Any], dtype: Any) -> Frames:
    """Colours as pictures of a type store them: the nearest of the range."""
    return np.asarray(np.rint(np.clip(values, 0, np.iinfo(dtype).max)), dtype)


def forget(before: int, *stores: dict[int, Any]) -> None:
    """Drop what is kept of the frames before one, by their index in the clip."""
    for store in stores:
        for index in [each for each in store if each < before]:
            del store[index]
