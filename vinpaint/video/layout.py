"""How a picture is stored: planes, bits, chroma sampling, matrix and range."""

from __future__ import annotations

from dataclasses import dataclass

# Kr and Kb by ITU-T H.273 matrix coefficients (table 4).
_BT601, _BT709, _BT2020 = (0.299, 0.114), (0.2126, 0.0722), (0.2627, 0.0593)
_MATRICES = {1: _BT709, 4: (0.30, 0.11), 5: _BT601, 6: _BT601, 7: (0.212, 0.087), 9: _BT2020, 10: _BT2020}
FULL_RANGE = 2


@dataclass(frozen=True)
class ColourTags:
    """Colour description of a stream, the code points of ITU-T H.273 (2 = unspecified; range 0 = unspecified)."""

    range: int = 0
    matrix: int = 2
    primaries: int = 2
    transfer: int = 2


@dataclass(frozen=True)
class Layout:
    """Storage of one picture in planes of its own.

    Attributes
    ----------
    name : str
        FFmpeg's name of the pixel format.
    model : str
        ``"yuv"`` (planes Y, U, V), ``"rgb"`` (planes G, B, R) or ``"gray"``; a further plane is alpha, never changed.
    bits : int
        Significant bits of a sample, 8 to 16.
    xstep, ystep : int
        Luma samples for one chroma sample.
    kr, kb : float
        Weights of red and blue in luma.
    full_range : bool
        Whether black is 0 and white the largest value.
    """

    name: str
    model: str
    bits: int
    xstep: int
    ystep: int
    kr: float
    kb: float
    full_range: bool

    @property
    def peak(self) -> int:
        """The largest sample value."""
        return (1 << self.bits) - 1


def make_layout(name: str, model: str, bits: int, steps: tuple[int, int], tags: ColourTags, height: int) -> Layout:
    """Layout of a pixel format under a colour description.

    An unspecified matrix is taken as players take it: BT.709 from 720 lines on, BT.601 below. Grey without a range
    is full.
    """
    kr, kb = _MATRICES.get(tags.matrix, _BT709 if height >= 720 else _BT601)
    full = tags.range == FULL_RANGE or model == "rgb" or name.startswith("yuvj") or (model, tags.range) == ("gray", 0)
    return Layout(name, model, bits, *steps, kr, kb, full)
