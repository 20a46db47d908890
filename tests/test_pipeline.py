"""Filling a stream: windows, regions, shots, memory; and a whole run from file to file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import media
import numpy as np
import pytest
from media import Clip

from vinpaint.contracts import Filled, Frames, Mask, Origin
from vinpaint.errors import InputError, MaskError, OutputError, UsageError
from vinpaint.fill import FillMethod, Window, create, pipeline
from vinpaint.fill.job import FillSettings, Summary, fill_file
from vinpaint.fill.masking import describe_masks
from vinpaint.fill.pipeline import FilledFrame, Tally, WindowPlan, fill_stream, plan_window
from vinpaint.masks import from_array
from vinpaint.refiner import synthetic
from vinpaint.reporting import Reporter
from vinpaint.timing import parse_span
from vinpaint.video import Encoding, open_masks, open_source
from vinpaint.video.arrays import ArraySource
from vinpaint.video.shots import shot_numbers

HEIGHT, WIDTH = 64, 96
HIDDEN = media.box(HEIGHT, WIDTH)


class Probe(FillMethod):
    """Paints what is hidden red, and notes what it was shown."""

    margin = 0.5
    temporal = True

    def __init__(self, look_around: int = 3) -> None:
        self.look_around = look_around
        self.windows: list[Window] = []
        self.states = 0

    def new_state(self) -> int:
        self.states += 1
        return self.states

    def fill_window(self, window: Window, state: Any) -> Filled:
        self.windows.append(window)
        frames = window.frames[window.start : window.stop].copy()
        mask = window.mask[window.start : window.stop]
        frames[mask] = (255, 0, 0)
        origin = np.where(mask, np.uint8(Origin.SYNTHESISED), np.uint8(0))
        return Filled(frames, (~mask).astype(np.float32), origin)


def stream(
    frames: Frames,
    masks: Mask,
    method: FillMethod,
    plan: WindowPlan | None = None,
    shots: Sequence[int] | None = None,
) -> list[FilledFrame]:
    """Fill arrays through the pipeline."""
    chosen = plan or WindowPlan(method.look_around, 16)
    numbers = shots or [0] * len(frames)
    numbered = zip(ArraySource(frames), numbers, strict=True)
    return list(fill_stream(numbered, lambda i, _: masks if masks.ndim == 2 else masks[i], method, lambda _: chosen))


def pictures(filled: Sequence[FilledFrame]) -> Frames:
    return np.stack([each.frame.rgb() for each in filled])


def noise(count: int, seed: int = 0) -> Frames:
    return np.random.default_rng(seed).integers(0, 256, (count, HEIGHT, WIDTH, 3), np.uint8)


def moving(count: int, step: int = 5) -> Mask:
    return np.stack([media.box(HEIGHT, WIDTH, left=step * n % 80, across=12) for n in range(count)])


# ---------------------------------------------------------------- windows


@pytest.mark.parametrize("count", [1, 2, 5, 16, 17, 40])
@pytest.mark.parametrize("around", [0, 1, 7])
def test_every_frame_is_filled_once_in_order_with_its_surroundings(count: int, around: int) -> None:
    method = Probe(around)
    frames = noise(count)
    filled = stream(frames, HIDDEN, method, WindowPlan(around, 4))
    assert len(filled) == count
    done = [w.first + i for w in method.windows for i in range(w.start, w.stop)]
    assert done == list(range(count))
    for window in method.windows:
        assert window.start == min(around, window.first + window.start)
        assert len(window.frames) - window.stop >= min(around, count - window.first - window.stop)
        assert len(window.frames) <= 2 * around + 4
    expected = frames.copy()
    expected[:, HIDDEN] = (255, 0, 0)
    assert np.array_equal(pictures(filled), expected)


@pytest.mark.parametrize("masks", [np.stack([HIDDEN] * 30), moving(30)], ids=["rests", "moves"])
def test_methods_see_the_frames_as_recorded(masks: Mask) -> None:
    """Frames that were filled already come as they were before."""
    method = Probe(6)
    frames = np.stack(np.mgrid[:30, :HEIGHT, :WIDTH], axis=-1).astype(np.uint8)  # pixels that tell their place
    stream(frames, masks, method, WindowPlan(6, 4))
    for window in method.windows:
        (first, top, left), (count, height, width) = window.frames[0, 0, 0], window.mask.shape
        assert first == window.first
        assert np.array_equal(window.frames, frames[first : first + count, top : top + height, left : left + width])


def region_boxes(method: Probe) -> set[tuple[int, int, int, int]]:
    """Where the windows lie, by looking for the mask in them."""
    boxes = set()
    for window in method.windows:
        rows, columns = np.nonzero(window.mask[window.start])
        top, left = 20 - int(rows.min()), 30 - int(columns.min())
        boxes.add((top, top + window.mask.shape[1], left, left + window.mask.shape[2]))
    return boxes


def test_a_static_mask_keeps_its_region_and_state() -> None:
    method = Probe()
    stream(noise(40), HIDDEN, method, WindowPlan(3, 4))
    assert method.states == 1
    assert len(region_boxes(method)) == 1
    assert all(window.mask.strides[0] == 0 for window in method.windows)


def test_two_far_holes_are_two_regions() -> None:
    frames = np.zeros((4, 200, 300, 3), np.uint8)
    mask = media.box(200, 300, 10, 10, 12, 12) | media.box(200, 300, 170, 270, 12, 12)
    method = Probe()
    filled = stream(frames, mask, method)
    assert method.states == 2
    assert [len(each.patches) for each in filled] == [2] * 4
    assert np.array_equal(filled[2].origin() == Origin.SYNTHESISED, mask)


@pytest.mark.parametrize("step", [0, 2, 5, 31])
def test_moving_masks_are_filled_where_they_are(step: int) -> None:
    frames, masks = noise(30), moving(30, step)
    filled = stream(frames, masks, Probe(), WindowPlan(3, 4))
    expected = frames.copy()
    expected[masks] = (255, 0, 0)
    assert np.array_equal(pictures(filled), expected)
    for each, mask in zip(filled, masks, strict=True):
        assert np.array_equal(each.confidence() == 0, mask)


def test_masks_that_come_and_go() -> None:
    frames, masks = noise(40), np.zeros((40, HEIGHT, WIDTH), np.bool_)
    masks[7] = media.box(HEIGHT, WIDTH)
    masks[20:23] = media.box(HEIGHT, WIDTH, 2, 2, 6, 6)
    masks[39] = media.box(HEIGHT, WIDTH, 50, 80, 10, 10)
    filled = stream(frames, masks, Probe(), WindowPlan(3, 4))
    expected = frames.copy()
    expected[masks] = (255, 0, 0)
    assert np.array_equal(pictures(filled), expected)
    assert [bool(each.patches) for each in filled] == masks.any(axis=(1, 2)).tolist()


def test_without_a_mask_nothing_waits_and_nothing_changes() -> None:
    method, frames = Probe(), noise(20)
    read = 0

    def numbered() -> Any:
        nonlocal read
        for frame in ArraySource(frames):
            read += 1
            yield frame, 0

    nothing = np.zeros((HEIGHT, WIDTH), np.bool_)
    for given, each in enumerate(fill_stream(numbered(), lambda *_: nothing, method, lambda _: WindowPlan(3, 4))):
        assert read == given + 1
        assert np.array_equal(each.frame.rgb(), frames[given])
    assert method.windows == []


def test_no_window_spans_a_cut() -> None:
    method = Probe(10)
    stream(noise(20), HIDDEN, method, WindowPlan(10, 4), [0] * 9 + [1] * 11)
    assert {window.first < 9 for window in method.windows} == {True, False}
    for window in method.windows:
        last = window.first + len(window.frames) - 1
        assert (window.first < 9) == (last < 9)
    assert method.states == 2


@pytest.mark.parametrize("name", ["flow", "median"])
def test_what_comes_before_a_cut_has_no_influence(name: str) -> None:
    first = synthetic.moving_scene(10, HEIGHT, WIDTH, seed=1, motion=synthetic.PAN, car=False) // 3
    second = media.scene(12)
    both = np.concatenate([first, second])
    masks = np.concatenate([moving(10), moving(12)])
    numbers = [shot for _, shot in shot_numbers(ArraySource(both))]
    assert numbers == [0] * 10 + [1] * 12
    together = pictures(stream(both, masks, create(name), shots=numbers))
    alone = pictures(stream(second, masks[10:], create(name)))
    assert np.array_equal(together[10:], alone)


@pytest.mark.parametrize("name", ["flow", "median", "spatial"])
def test_streamed_equals_whole(name: str) -> None:
    frames, method = media.scene(70), create(name, quality="fast")
    assert 2 * method.look_around + 7 < len(frames)
    whole = pictures(stream(frames, HIDDEN, method, WindowPlan(method.look_around, 100)))
    for core in (4, 7):
        streamed = pictures(stream(frames, HIDDEN, method, WindowPlan(method.look_around, core)))
        assert np.abs(streamed.astype(int) - whole).max() <= 1


# ---------------------------------------------------------------- memory, tally


def test_plan_shrinks_with_the_budget() -> None:
    layout = ArraySource(noise(1)).info.layout
    method = Probe(30)
    plans = [plan_window(method, layout, 1920 * 1080, 400 * 300, budget << 20) for budget in (4096, 1024, 300, 100, 1)]
    sizes = [2 * plan.look_around + plan.core for plan in plans]
    assert plans[0] == WindowPlan(30, 16)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-2] < sizes[0]
    assert plans[-1].look_around >= 1
    assert plan_window(Probe(0), layout, 1920 * 1080, 100, 1).look_around == 0


@pytest.mark.parametrize("hidden_from", [0, 60, 100])
def test_frames_held_are_bounded_by_the_window(monkeypatch: pytest.MonkeyPatch, hidden_from: int) -> None:
    most = 0
    advance = pipeline._Shot._advance

    def watched(shot: Any, stop: int) -> None:
        nonlocal most
        most = max(most, len(shot._window), *(len(run._pictures) for run in shot._runs))
        advance(shot, stop)

    monkeypatch.setattr(pipeline._Shot, "_advance", watched)
    masks = moving(100)
    masks[:hidden_from] = False
    stream(noise(100), masks, Probe(30), WindowPlan(5, 4))  # the method wants more than memory allows
    assert most <= 2 * 5 + 4


def test_a_window_that_shrinks_looks_less_far_back() -> None:
    method, masks = Probe(30), moving(80)
    masks[:50] = False
    numbered = ((frame, 0) for frame in ArraySource(noise(80)))
    plan = lambda regions: WindowPlan(5 if regions else 30, 4)  # noqa: E731
    assert len(list(fill_stream(numbered, lambda i, _: masks[i], method, plan))) == 80
    assert max(len(window.frames) for window in method.windows) <= 2 * 5 + 4


def test_tally() -> None:
    tally = Tally()
    for each in stream(noise(5), HIDDEN, Probe()):
        tally.add(each)
    assert tally.frames == 5
    assert tally.pixels.sum() == 5 * HIDDEN.sum()
    assert tally.share(Origin.SYNTHESISED) == 1
    assert Tally().share(Origin.PROPAGATED) == 0


# ---------------------------------------------------------------- file to file


class Listener(Reporter):
    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.progressed: list[int] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def progress(self, task: str, done: int, total: int | None) -> None:
        self.progressed.append(done)


def run(source: Path, mask: Any, target: Path | str, **settings: Any) -> tuple[Summary, Listener]:
    listener = Listener()
    chosen = FillSettings(**{"method": "telea", "encoding": Encoding(lossless=True), **settings})
    with open_source(source) as clip:
        masks = from_array(mask) if isinstance(mask, np.ndarray) else open_masks(mask, clip.info)
        summary = fill_file(clip, masks, str(target), chosen, listener)
    assert {thread.name for thread in threading.enumerate()}.isdisjoint({"decode", "encode"})
    return summary, listener


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    marked = media.scene(20).copy()
    marked[:, HIDDEN] = 255
    return media.write_clip(tmp_path / "in.mkv", Clip(codec="ffv1", count=20), marked)


@pytest.mark.parametrize("method", ["flow", "spatial"])
def test_only_the_mask_changes_and_it_does(clip: Path, tmp_path: Path, method: str) -> None:
    summary, listener = run(clip, HIDDEN, tmp_path / "out.mkv", method=method)
    assert media.changed_outside(clip, tmp_path / "out.mkv", HIDDEN) == 0
    before, after = media.rgb_frames(clip), media.rgb_frames(tmp_path / "out.mkv")
    truth = media.scene(20)[:, HIDDEN].astype(int)
    wrong, left = (np.abs(frames[:, HIDDEN] - truth).mean() for frames in (before, after))
    assert left < 0.3 * wrong
    assert summary.tally.frames == 20
    assert listener.progressed == list(range(1, 21))
    assert listener.warnings == []


def test_rotated_clips_take_masks_as_displayed(tmp_path: Path) -> None:
    source = media.write_clip(tmp_path / "in.mp4", Clip(rotation=90, count=4))
    run(source, np.rot90(HIDDEN), tmp_path / "out.mkv")
    assert media.changed_outside(source, tmp_path / "out.mkv", HIDDEN) == 0
    before, after = media.rgb_frames(source), media.rgb_frames(tmp_path / "out.mkv")
    assert (before[:, HIDDEN] != after[:, HIDDEN]).any(axis=2).mean() > 0.8


@pytest.mark.parametrize(("start", "end"), [("5", "12"), ("0.2s", "00:00:00.48"), (None, "12"), ("5", None)])
def test_only_the_span_changes(clip: Path, tmp_path: Path, start: str | None, end: str | None) -> None:
    run(clip, HIDDEN, tmp_path / "out.mkv", span=parse_span(start, end), method="flow")
    changed = [
        (a[0] != b[0]).any() for a, b in zip(media.planes(clip), media.planes(tmp_path / "out.mkv"), strict=True)
    ]
    first, last = 5 if start else 0, 12 if end else 20
    assert changed == [first <= n < last for n in range(20)]


def test_a_span_beyond_the_clip_is_said(clip: Path, tmp_path: Path) -> None:
    _, listener = run(clip, HIDDEN, tmp_path / "out.mkv", span=parse_span("500", None))
    assert listener.warnings == ["no frame lies in the range and nothing is filled; check --start and --end"]


def test_empty_and_huge_masks_are_said(clip: Path, tmp_path: Path) -> None:
    run(clip, np.zeros_like(HIDDEN), tmp_path / "a.mkv")
    assert media.changed_outside(clip, tmp_path / "a.mkv", np.zeros_like(HIDDEN)) == 0
    large = np.ones_like(HIDDEN)
    large[:20] = False
    for mask, word in ((np.zeros_like(HIDDEN), "empty"), (large, "inverted")):
        heard = Listener()
        describe_masks(from_array(mask), heard)
        assert word in heard.warnings[0]


def test_dilation(clip: Path, tmp_path: Path) -> None:
    run(clip, HIDDEN, tmp_path / "out.mkv", dilate=3)
    grown = media.box(HEIGHT, WIDTH, 17, 27, 20, 24)
    assert media.changed_outside(clip, tmp_path / "out.mkv", grown) == 0
    assert media.changed_outside(clip, tmp_path / "out.mkv", HIDDEN) > 0


@pytest.mark.parametrize("rate", [25, 50, 5])
def test_mask_video_of_another_rate_is_matched_by_time(clip: Path, tmp_path: Path, rate: int) -> None:
    """Hidden in the second half of the clip only."""
    count = 20 * rate // 25
    levels = np.zeros((count, HEIGHT, WIDTH, 3), np.uint8)
    levels[count // 2 :, HIDDEN] = 255
    masks = media.write_clip(tmp_path / "m.mkv", Clip(codec="ffv1", count=count, rate=Fraction(rate)), levels)

    def attempt() -> None:
        run(clip, masks, tmp_path / "out.mkv")

    if rate != 25:
        with pytest.raises(MaskError, match=f"{count} frames, the clip 20"):
            attempt()
        assert not (tmp_path / "out.mkv").exists()
        return
    attempt()
    changed = [
        (a[0] != b[0]).any() for a, b in zip(media.planes(clip), media.planes(tmp_path / "out.mkv"), strict=True)
    ]
    assert changed == [False] * 10 + [True] * 10


def test_little_memory_is_said(tmp_path: Path) -> None:
    source = media.write_clip(tmp_path / "in.mkv", Clip(codec="ffv1", width=320, height=240, count=12))
    mask = media.box(240, 320, 50, 50, 150, 200)
    _, listener = run(source, mask, tmp_path / "out.mkv", method="median", memory=4 << 20)
    assert any("raise --max-memory" in text for text in listener.warnings)


def test_confidence_and_explanation(clip: Path, tmp_path: Path) -> None:
    run(clip, HIDDEN, tmp_path / "out.mkv", confidence=tmp_path / "c", explain=tmp_path / "e.png")
    assert media.names(tmp_path / "c") == [f"{n:05d}.png" for n in range(20)]
    level = media.read_image(tmp_path / "c" / "00007.png")
    assert np.array_equal(level == 0, HIDDEN)
    assert (level[~HIDDEN] == 255).all()
    explained = media.read_image(tmp_path / "e.png").astype(int)
    assert (explained[~HIDDEN].std(axis=1) == 0).all()
    assert (explained[HIDDEN][:, 0] > explained[HIDDEN][:, 1]).all()  # red: invented


def nothing_left(folder: Path, *expected: str) -> bool:
    return media.names(folder) == sorted(["in.mkv", *expected])


@pytest.mark.parametrize("error", [OutputError("no space"), MemoryError("all"), KeyboardInterrupt()])
@pytest.mark.parametrize("target", ["out.mkv", "frames/"])
def test_failures_of_the_encoder_leave_nothing(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, target: str
) -> None:
    from vinpaint.video.container_sink import ContainerSink
    from vinpaint.video.images import FolderSink

    for sink in (ContainerSink, FolderSink):
        monkeypatch.setattr(sink, "write", raiser(sink.write, 7, error))
    with pytest.raises(type(error)):
        run(clip, HIDDEN, f"{tmp_path}/{target}", encoding=Encoding(), confidence=tmp_path / "c")
    assert nothing_left(tmp_path)
    assert {thread.name for thread in threading.enumerate()}.isdisjoint({"decode", "encode"})


@pytest.mark.parametrize("error", [InputError("damaged"), KeyboardInterrupt()])
def test_failures_of_the_method_leave_nothing(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    from vinpaint.baselines.opencv import TeleaFill

    monkeypatch.setattr(TeleaFill, "inpaint", raiser(TeleaFill.inpaint, 5, error))
    (tmp_path / "out.mkv").write_bytes(b"old")
    with pytest.raises(type(error)):
        run(clip, HIDDEN, tmp_path / "out.mkv", overwrite=True, confidence=tmp_path / "c")
    assert nothing_left(tmp_path, "out.mkv")
    assert (tmp_path / "out.mkv").read_bytes() == b"old"
    assert {thread.name for thread in threading.enumerate()}.isdisjoint({"decode", "encode"})


def raiser(function: Callable[..., Any], after: int, error: BaseException) -> Callable[..., Any]:
    """The function, until it is called once too often."""
    calls = 0

    def wrapped(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > after:
            raise error
        return function(*arguments)

    return wrapped


def test_too_few_masks_leave_nothing(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(MaskError):
        run(clip, moving(12), tmp_path / "out.mkv")
    assert nothing_left(tmp_path)


def test_unknown_method(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="choose from"):
        run(clip, HIDDEN, tmp_path / "out.mkv", method="magic")
