"""One fill, from files to files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import numpy as np

from vinpaint.contracts import Blemish, Mask, Origin
from vinpaint.errors import UsageError
from vinpaint.files import check_outputs
from vinpaint.fill.extras import Extras
from vinpaint.fill.masking import StoredMasks
from vinpaint.fill.method import FillMethod
from vinpaint.fill.pipeline import Tally, WindowPlan, fill_stream, plan_window
from vinpaint.fill.registry import create
from vinpaint.fill.threads import single_threaded
from vinpaint.masks import MaskSource, Region, coverage_warning
from vinpaint.masks.template import read_template
from vinpaint.reporting import Reporter
from vinpaint.timing import Span
from vinpaint.video import ClipInfo, Damage, Encoding, Frame, VideoSource, check_target, is_folder, open_sink, rotate
from vinpaint.video.images import check_picture
from vinpaint.video.shots import shot_numbers
from vinpaint.video.threads import WriteBehind, ahead, depth_for

DEFAULT_MEMORY = 1 << 30


@dataclass(frozen=True)
class FillSettings:
    """How to fill and what to write besides the clip.

    Attributes
    ----------
    method : str
        Name in the registry.
    quality : str
        ``fast``, ``balanced`` or ``best``.
    flow : str, optional
        Estimator of motion, by name; by default chosen by the quality.
    device : str
        Where networks run.
    refine : bool
        Whether the refinement network takes part, where the method has one.
    dilate : float
        Pixels by which a mask is grown first.
    span : Span
        Part of the clip that is filled; the rest is passed on.
    encoding : Encoding
        What the encoder is asked for.
    memory : int
        Bytes for the frames of the window.
    overwrite : bool
        Whether outputs may exist.
    confidence : Path, optional
        Folder for a grey PNG a frame: 255 = observed or recovered, 0 = invented.
    explain : Path, optional
        Picture of the frame nearest the middle in which something was filled, tinted by where its pixels come from.
    alpha, colour : Path, optional
        Pictures of the opacity and the colour of what hides the scene: of the frames' size, or a template.
    weights : Path, optional
        Weights for a method that is a network; those that ship by default.
    """

    method: str = "auto"
    quality: str = "balanced"
    flow: str | None = None
    device: str = "auto"
    refine: bool = True
    dilate: float = 0
    span: Span = field(default_factory=Span)
    encoding: Encoding = field(default_factory=Encoding)
    memory: int = DEFAULT_MEMORY
    overwrite: bool = False
    confidence: Path | None = None
    explain: Path | None = None
    alpha: Path | None = None
    colour: Path | None = None
    weights: Path | None = None

    def fill_method(self) -> FillMethod:
        """The method that is asked for.

        Raises
        ------
        UsageError, DependencyError
            See :func:`vinpaint.fill.registry.create`.
        """
        weights = {} if self.weights is None else {"weights": self.weights}
        threads = self.encoding.threads
        return create(
            self.method,
            quality=self.quality,
            flow=self.flow,
            device=self.device,
            threads=threads,
            refine=self.refine,
            **weights,
        )

    def check(self, info: ClipInfo, target: str, *inputs: Path, files: Sequence[Path | None] = ()) -> None:
        """Check all outputs of a run before it starts.

        Parameters
        ----------
        info : ClipInfo
            The clip.
        target : str
            Where it goes.
        *inputs : Path
            What else is read: the mask.
        files : sequence of Path or None
            What else is written.

        Raises
        ------
        UsageError, OutputError, OutputExistsError
            If one of them cannot be.
        MaskError
            If the pictures of opacity and colour cannot be read.
        """
        check_target(target, info, self.encoding)
        inputs = (*inputs, *self._check_template())
        if self.explain is not None:
            check_picture(self.explain)
        files, folders = [self.explain, *files], [self.confidence]
        (folders if is_folder(target) else files).append(Path(target))
        check_outputs(files, (info.path, *inputs), overwrite=self.overwrite, folders=folders)

    def _check_template(self) -> tuple[Path, ...]:
        if self.alpha is None and self.colour is None:
            return ()
        if self.alpha is None or self.colour is None:
            raise UsageError("opacity and colour go together; give both --alpha and --color")
        read_template(self.alpha, self.colour)
        return self.alpha, self.colour


@dataclass(frozen=True)
class Summary:
    """What a run did."""

    tally: Tally
    damage: Damage

    def __str__(self) -> str:
        frames = f"{self.tally.frames} frame{'s' * (self.tally.frames != 1)}"
        if not self.tally.pixels.sum():
            return f"{frames}, nothing hidden"
        return (
            f"{frames}; of the hidden pixels {100 * self.tally.recovered:.1f} % recovered, "
            f"{100 * self.tally.share(Origin.SYNTHESISED):.1f} % invented"
        )


def fill_file(
    source: VideoSource,
    masks: MaskSource,
    target: str,
    settings: FillSettings,
    reporter: Reporter,
    *,
    blemish: Blemish | None = None,
) -> Summary:
    """Fill a clip and write it.

    Parameters
    ----------
    source : VideoSource
        The clip; read once.
    masks : MaskSource
        Displayed orientation.
    target : str
        A video file, a folder (ending in a slash or existing), or an image.
    settings : FillSettings
        How.
    reporter : Reporter
        Hears warnings and progress.
    blemish : Blemish, optional
        What is known of a static blemish; stored orientation. By default what the settings give, or what samples of
        the clip tell of it.

    Returns
    -------
    Summary
        Counts; the outputs stand at their places.

    Raises
    ------
    VinpaintError
        Nothing stands at the target then that was not there before.
    """
    info = source.info
    mask_of = StoredMasks(masks, info, settings.span, settings.dilate)
    method, blemish = prepared(source, mask_of.static, settings, reporter, blemish)
    depth = depth_for(3 * info.whole.area)
    tally = Tally()
    with ExitStack() as stack:
        stack.enter_context(single_threaded())
        frames = stack.enter_context(closing(ahead(source, depth)))
        first = next(frames)
        sink = stack.enter_context(open_sink(target, source, first, settings.encoding, reporter.warn))
        sink = stack.enter_context(WriteBehind(sink, depth))
        extras = stack.enter_context(Extras(settings.confidence, settings.explain, info))
        numbered = _numbered(chain([first], frames), method)
        planner = _planner(method, info, settings.memory, reporter)
        for filled in fill_stream(numbered, mask_of, method, planner, blemish=blemish):
            sink.write(filled.frame)
            extras.add(tally.frames, filled)
            tally.add(filled)
            reporter.progress("fill", tally.frames, info.frames)
        masks.check_count(tally.frames)
        if not mask_of.in_span:
            reporter.warn("no frame lies in the range and nothing is filled; check --start and --end")
        elif not masks.static and (warning := coverage_warning(mask_of.coverage)):
            reporter.warn(warning)
        extras.prepare()
        sink.commit()
        extras.commit()
    return Summary(tally, source.damage)


def prepared(
    source: VideoSource, hidden: Mask | None, settings: FillSettings, reporter: Reporter, blemish: Blemish | None = None
) -> tuple[FillMethod, Blemish | None]:
    """The method for a clip, and what it should know of the blemish.

    Parameters
    ----------
    source : VideoSource
        The clip; it is sampled, not iterated.
    hidden : (H, W) bool or None
        The one mask of all frames, if there is one; stored orientation.
    settings : FillSettings
        How to fill.
    reporter : Reporter
        Hears progress.
    blemish : Blemish, optional
        As for :func:`fill_file`.
    """
    method = settings.fill_method()
    if blemish is None:
        blemish = _prior(source, hidden, method, settings, reporter)
    if hidden is None:
        return method, blemish
    if blemish is not None and method.wants_blemish:
        from vinpaint.fill.prior import with_imprint

        blemish = with_imprint(source, blemish, hidden, settings.span)
    return method.suited(hidden, blemish, source.info.layout), blemish


def _prior(
    source: VideoSource, hidden: Mask | None, method: FillMethod, settings: FillSettings, reporter: Reporter
) -> Blemish | None:
    """What the settings, or else samples of the clip, say of the blemish; stored orientation."""
    known = settings.alpha is not None and settings.colour is not None
    if known and not method.wants_blemish:
        raise UsageError(f"method {settings.method} makes no use of --alpha and --color; leave them out")
    if not method.wants_blemish:
        return None
    from vinpaint.fill.prior import given_blemish, measured_blemish, stored  # half a second that other methods spare

    rotation = source.info.rotation
    if settings.alpha is None or settings.colour is None:
        if hidden is None:
            return None
        shown = rotate(hidden, rotation)
        found = measured_blemish(source, shown, settings.span, reporter, memory=settings.memory)
        return None if found is None else stored(found, rotation)
    given = given_blemish(source, settings.alpha, settings.colour, settings.span, reporter, memory=settings.memory)
    # Where the maps are black, they say that nothing hides the scene.
    return stored(replace(given, mask=np.ones_like(given.mask)), rotation)


def _numbered(frames: Iterable[Frame], method: FillMethod) -> Iterator[tuple[Frame, int]]:
    """Frames with the number of their shot; a method that looks at one frame needs no shots."""
    return shot_numbers(frames) if method.look_around else ((frame, 0) for frame in frames)


def _planner(
    method: FillMethod, info: ClipInfo, memory: int, reporter: Reporter
) -> Callable[[Sequence[Region]], WindowPlan]:
    def plan(regions: Sequence[Region]) -> WindowPlan:
        made = plan_window(method, info.layout, info.whole.area, sum(region.area for region in regions), memory)
        if regions and made.look_around < method.look_around:
            reporter.warn(
                f"memory allows {made.look_around} frames to look around instead of {method.look_around}; "
                "raise --max-memory for a better fill"
            )
        return made

    return plan
