"""Options that several commands share: name, bounds and help stand once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from vinpaint.devices import check_device
from vinpaint.errors import UsageError

if TYPE_CHECKING:
    from vinpaint.fill.job import FillSettings

Input: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="INPUT", help="A video, a folder of frames, a pattern (frame_%05d.png) or an image."),
]
Output: TypeAlias = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        metavar="OUTPUT",
        help="A video (container by suffix); a folder, ending in '/', for PNG frames; an image for an image.",
    ),
]
Overwrite: TypeAlias = Annotated[bool, typer.Option("--overwrite", "-y", help="Write over outputs that exist.")]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but warnings and errors.")]
Verbose: TypeAlias = Annotated[bool, typer.Option("--verbose", "-v", help="Say more.")]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the report on standard output.")]
Start: TypeAlias = Annotated[
    str | None, typer.Option(metavar="TIME", help="Work from here on: a frame number, 2.5s or HH:MM:SS.mmm.")
]
End: TypeAlias = Annotated[
    str | None, typer.Option(metavar="TIME", help="Work until just before here. What lies outside stays as it is.")
]
Device: TypeAlias = Annotated[
    str,
    typer.Option(metavar="auto|cpu|cuda[:n]|mps", help="Where networks run; one that is missing is an error."),
]
Threads: TypeAlias = Annotated[int, typer.Option(min=0, help="Threads to use; 0 = as many as there are cores.")]
Memory: TypeAlias = Annotated[str, typer.Option(metavar="SIZE", help="Memory for frames in the window: 800M, 2G.")]
Fps: TypeAlias = Annotated[
    str | None,
    typer.Option("--fps", metavar="RATE", help="Frames a second of an image sequence: 25, 30000/1001."),
]
Method: TypeAlias = Annotated[
    str, typer.Option(metavar="NAME", help="How to fill; 'vinpaint methods' lists the names.")
]
Quality: TypeAlias = Annotated[str, typer.Option(metavar="fast|balanced|best", help="Speed against quality.")]
Flow: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Estimator of motion beyond the camera's own; default: none, farneback for --quality best. One of "
        "dis-coarse, dis-ultrafast, dis-fast, dis-medium, farneback. "
        "With the extra 'raft' also networks: raft or another model of ptlflow, MODEL:CHECKPOINT, or the file of a "
        "checkpoint of RAFT. What is asked for by name is downloaded the first time.",
    ),
]
Dilate: TypeAlias = Annotated[
    float,
    typer.Option(
        min=0,
        metavar="N",
        help="Grow the mask by N pixels. A mask is taken as it is; grow it by 2 to 4 when it was drawn tightly, when "
        "the blemish has a soft edge or a shadow, or when compression smears it into its surroundings.",
    ),
]
Alpha: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--alpha",
        metavar="PNG",
        help="Opacity of what hides the scene, grey of 8 or 16 bits, white = opaque: of the frames' size, or a smaller "
        "template of the mark, which is searched for. Needs --color.",
    ),
]
Color: TypeAlias = Annotated[
    Path | None, typer.Option("--color", metavar="PNG", help="Its colour, of the same size as --alpha.")
]
Weights: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        metavar="FILE",
        help="Weights of 'vinpaint train': of a method that is a network, or of a refiner (flow, auto, unblend).",
    ),
]
NoRefine: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--no-refine",
        help="Do not refine what other frames saw (flow, auto, unblend); nothing is refined without --weights yet.",
    ),
]
Confidence: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="DIR/", help="Write a grey PNG a frame: white = observed or recovered, black = invented."),
]
Explain: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="PNG",
        help="Write the middle frame, tinted: green from other frames, blue un-blended, red invented.",
    ),
]
Lossless: TypeAlias = Annotated[
    bool,
    typer.Option("--lossless", help="FFV1 in .mkv in the source's own pixel format, bit-equal outside the mask."),
]
EncoderName: TypeAlias = Annotated[
    str | None,
    typer.Option("--encoder", metavar="NAME", help="Video encoder; default: of the source's codec family."),
]
Crf: TypeAlias = Annotated[int | None, typer.Option(min=0, max=63, help="Rate factor, smaller is better (H.264: 16).")]
Preset: TypeAlias = Annotated[str | None, typer.Option(metavar="NAME", help="The encoder's preset (H.264: medium).")]
ObjectId: TypeAlias = Annotated[
    int | None,
    typer.Option("--object-id", min=0, max=65535, help="The only object of a palette or JSON mask to take."),
]

_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*([KMGT]?)i?B?", re.IGNORECASE)
_RATE = re.compile(r"\d{1,9}(\.\d{1,9}|/\d{1,9})?", re.ASCII)
_FINEST = 1_001_000
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
LEAST_MEMORY = 64 << 20


@dataclass(frozen=True, kw_only=True)
class FillOptions:
    """The options of ``fill`` and ``clean`` as given."""

    method: str
    quality: str
    flow: str | None
    device: str
    no_refine: bool
    dilate: float
    start: str | None
    end: str | None
    confidence: Path | None
    explain: Path | None
    lossless: bool
    encoder: str | None
    crf: int | None
    preset: str | None
    threads: int
    max_memory: str
    overwrite: bool
    alpha: Path | None
    color: Path | None
    weights: Path | None

    def settings(self) -> FillSettings:
        """Checked settings.

        Raises
        ------
        UsageError
            If an option cannot be understood, or two contradict each other.
        DependencyError
            If something is missing that the method needs.
        """
        from vinpaint.fill.job import FillSettings
        from vinpaint.timing import parse_span
        from vinpaint.video import Encoding

        if self.lossless and (self.encoder or self.crf is not None or self.preset):
            raise UsageError("--lossless chooses the encoder; leave --encoder, --crf and --preset out")
        settings = FillSettings(
            method=self.method,
            quality=self.quality,
            flow=self.flow,
            device=self.device,
            refine=not self.no_refine,
            dilate=self.dilate,
            span=parse_span(self.start, self.end),
            encoding=Encoding(self.encoder, self.crf, self.preset, self.lossless, self.threads),
            memory=parse_size(self.max_memory),
            overwrite=self.overwrite,
            confidence=self.confidence,
            explain=self.explain,
            alpha=self.alpha,
            colour=self.color,
            weights=self.weights,
        )
        settings.fill_method()
        return settings


def parse_size(text: str) -> int:
    """Bytes of ``800M`` or ``2G``.

    Raises
    ------
    UsageError
        If it is no size, or too small to work with.
    """
    match = _SIZE.fullmatch(text.strip())
    size = int(float(match[1]) * _UNITS[match[2].upper()]) if match else 0
    if size < LEAST_MEMORY:
        raise UsageError(f"{text!r} is no memory size of at least {LEAST_MEMORY >> 20}M; write 800M or 2G")
    return size


def parse_rate(text: str | None) -> Fraction | None:
    """Frames a second of ``25``, ``23.976`` or ``30000/1001``.

    Raises
    ------
    UsageError
        If it is no rate.
    """
    if text is None:
        return None
    try:
        # 29.970029970 is 30000/1001; and what a file can hold has a small denominator.
        rate = Fraction(text).limit_denominator(_FINEST) if _RATE.fullmatch(text) else Fraction(0)
    except ZeroDivisionError:
        rate = Fraction(0)
    if not Fraction(1, 100) <= rate <= 1000:
        raise UsageError(f"{text!r} is no frame rate; write 25, 23.976 or 30000/1001")
    return rate


def use_device(name: str, threads: int) -> None:
    """Check that a device is there, and cap the threads of the numerical libraries.

    Raises
    ------
    UsageError
        If there is no such kind of device.
    DependencyError
        If this machine has none.
    """
    check_device(name)
    if threads:
        import cv2
        import numba

        numba.set_num_threads(min(threads, numba.get_num_threads()))
        cv2.setNumThreads(min(threads, cv2.getNumThreads()))
