"""The static detector on scenes made here: what it finds, what it leaves alone, what it does not claim to know."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from vinpaint.detect import Detection, detect_static, preview
from vinpaint.detect.evidence import enlarge, gather
from vinpaint.detect.measure import measure_blemish
from vinpaint.detect.shapes import erode
from vinpaint.detect.stains import Stain
from vinpaint.detect.static import _explained
from vinpaint.errors import UsageError
from vinpaint.refiner.synthetic import HANDHELD, apply, moving_scene, soft_stain

Frames = NDArray[np.uint8]
Alpha = NDArray[np.float32]

SIZE = 160, 240
"""Height and width of the test scenes."""


def texture(shape: tuple[int, int], seed: int) -> NDArray[np.float32]:
    """A coloured picture with detail at all scales, 0 to 255."""
    draw = np.random.default_rng(seed)
    total = np.zeros((*shape, 3), np.float32)
    for scale in (2, 4, 8, 16, 32):
        small = draw.normal(size=(shape[0] // scale + 2, shape[1] // scale + 2, 3)).astype(np.float32)
        total += np.sqrt(scale) * cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(127 + 45 * total / total.std(), 0, 255), np.float32)


@cache
def moving(seed: int = 0, count: int = 48) -> Frames:
    """A camera that wanders over a picture."""
    height, width = SIZE
    scene = texture((height + 200, width + 260), seed)
    draw = np.random.default_rng(seed + 1)
    phase = draw.uniform(0, 2 * np.pi, 2)
    times = np.arange(count) / count * 2 * np.pi
    tops = np.rint(100 + 95 * np.sin(2 * times + phase[0])).astype(int)
    lefts = np.rint(130 + 125 * np.sin(3 * times + phase[1])).astype(int)
    frames = [scene[y : y + height, x : x + width] for y, x in zip(tops, lefts, strict=True)]
    return np.rint(np.stack(frames)).astype(np.uint8)


def paste(frames: Frames, alpha: Alpha, colour: tuple[float, float, float]) -> Frames:
    """The frames behind a blemish of one colour (0 to 255)."""
    mixed = frames * (1 - alpha[..., None]) + np.array(colour, np.float32) * alpha[..., None]
    return np.rint(mixed).astype(np.uint8)


def lettering(opacity: float) -> Alpha:
    canvas = np.zeros(SIZE, np.uint8)
    cv2.putText(canvas, "archive 7", (40, 120), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 255, 2, cv2.LINE_AA)
    return canvas.astype(np.float32) * np.float32(opacity / 255)


def box(opacity: float, top: int = 20, left: int = 30, height: int = 24, width: int = 40) -> Alpha:
    alpha = np.zeros(SIZE, np.float32)
    alpha[top : top + height, left : left + width] = opacity
    return alpha


def stain(opacity: float, y: float = 70, x: float = 150, radius: float = 26) -> Alpha:
    rows, columns = np.ogrid[: SIZE[0], : SIZE[1]]
    distance = np.hypot(rows - y, columns - x) / radius
    return np.asarray(np.sqrt(np.clip(1 - distance, 0, 1)) * opacity, np.float32)


def overlap(detection: Detection, alpha: Alpha, above: float = 0.05) -> float:
    """Intersection over union of the mask and the pixels above an opacity."""
    mask, truth = detection.blemish.mask, alpha > above
    return float((mask & truth).sum() / (mask | truth).sum())


BLEMISHES = {
    "thin text": (lettering(1.0), (250, 250, 250), 0.4),
    "watermark": (lettering(0.35), (255, 255, 255), 0.4),
    "opaque box": (box(1.0), (200, 30, 30), 0.7),
    "translucent box": (box(0.5), (20, 20, 20), 0.7),
    "soft dark stain": (stain(0.7), (60, 55, 50), 0.6),
    "opaque stain": (stain(1.0), (90, 80, 70), 0.6),
}


@pytest.mark.parametrize("name", BLEMISHES)
def test_blemish_is_found_and_outlined(name: str) -> None:
    alpha, colour, least = BLEMISHES[name]
    detection = detect_static(paste(moving(), alpha, colour))
    assert detection.verdict == "found"
    assert overlap(detection, alpha) > least
    core = alpha > 0.6 * alpha.max()
    assert (detection.blemish.mask & core).sum() > 0.9 * core.sum()


@pytest.mark.parametrize(("name", "tolerance"), [("opaque box", 0.1), ("translucent box", 0.15)])
def test_opacity_and_colour_are_measured(name: str, tolerance: float) -> None:
    alpha, colour, _ = BLEMISHES[name]
    blemish = detect_static(paste(moving(), alpha, colour)).blemish
    core = cv2.erode((alpha > 0).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert abs(float(blemish.alpha[core].mean()) - float(alpha[core].mean())) < tolerance
    assert np.abs(blemish.colour[core].mean(axis=0) - np.array(colour) / 255).max() < 0.15
    assert not blemish.alpha[~blemish.mask].any()


@pytest.mark.parametrize("opacity", [0.8, 0.95])
@pytest.mark.parametrize("seed", [1, 7])
def test_soft_stain_on_the_lens_is_found_before_a_landscape(opacity: float, seed: int) -> None:
    frames = moving_scene(120, 180, 320, seed=seed)
    spot = soft_stain(180, 320, centre=(115, 95), radius=26, opacity=opacity, seed=4)
    detection = detect_static(apply(frames, spot))
    assert detection.verdict == "found"
    assert overlap(detection, spot.alpha) > 0.6


@pytest.mark.parametrize(("quality", "seed"), [(90, 2), (58, 2), (74, 5)])
def test_opaque_disc_stays_opaque_and_sharp_under_compression(quality: int, seed: int) -> None:
    frames = moving_scene(40, 108, 160, seed=seed, motion=HANDHELD, car=False)
    rows, columns = np.ogrid[:108, :160]
    disc = (rows - 50) ** 2 + (columns - 90) ** 2 < 13**2
    frames[:, disc] = (30, 20, 25)
    coded = (cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1] for frame in frames)
    (found,) = detect_static(np.stack([cv2.imdecode(each, cv2.IMREAD_COLOR) for each in coded])).regions
    left, top, width, height = found.box
    assert np.abs(np.array([left - 78, top - 38, left + width - 103, top + height - 63])).max() <= 3
    assert found.opacity > 0.85


def test_several_blemishes_are_listed_one_by_one() -> None:
    alpha = np.maximum(box(1.0), box(1.0, top=110, left=160))
    detection = detect_static(paste(moving(), alpha, (250, 250, 250)))
    assert len(detection.regions) == 2
    assert overlap(detection, alpha) > 0.7


@pytest.mark.parametrize("seed", range(4))
def test_moving_scene_is_clean(seed: int) -> None:
    detection = detect_static(moving(seed))
    assert detection.verdict == "clean"
    assert not detection.blemish.mask.any()
    assert not detection.blemish.alpha.any()


def test_bars_and_borders_are_no_blemish() -> None:
    frames = moving().copy()
    frames[:, :20] = frames[:, -20:] = 16
    frames[:, :, :4] = 0
    assert detect_static(frames).verdict == "clean"


def test_still_scene_is_undecidable() -> None:
    noise = np.random.default_rng(5).normal(0, 1.5, (40, *SIZE, 3))
    frames = np.clip(paste(moving()[:1], lettering(1.0), (255, 255, 255)) + noise, 0, 255).astype(np.uint8)
    detection = detect_static(frames)
    assert detection.verdict == "undecidable"
    assert "%" in detection.reason
    assert not detection.blemish.mask.any()


def test_still_scene_with_passers_by_raises_no_alarm() -> None:
    frames = np.repeat(moving()[:1], 60, axis=0)
    walker = moving(9)[0, :90, :30]
    for index, frame in enumerate(frames):
        left = (11 * index) % (SIZE[1] - 30)
        frame[40:130, left : left + 30] = walker
    assert detect_static(frames).verdict != "found"


@pytest.mark.parametrize("count", [1, 2, 7])
def test_few_frames_are_undecidable(count: int) -> None:
    detection = detect_static(moving()[:count])
    assert detection.verdict == "undecidable"
    assert detection.frames == count


@pytest.mark.parametrize("shape", [(40, 1, 1), (40, 3, 200), (40, 200, 5), (40, 17, 19)])
def test_tiny_frames_do_no_harm(shape: tuple[int, int, int]) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (*shape, 3), dtype=np.uint8)
    rows, columns = np.ogrid[: shape[1], : shape[2]]
    spot = 0.9 * np.exp(-((rows - shape[1] // 2) ** 2 + (columns - shape[2] // 2) ** 2) / 4)
    for frames in (noise, paste(noise, spot.astype(np.float32), (40, 40, 40))):
        detection = detect_static(frames)
        assert detection.blemish.mask.shape == shape[1:]
        assert json.dumps(detection.report(), allow_nan=False)


def test_spot_in_a_tiny_picture_is_reported_with_its_pixels() -> None:
    rows, columns = np.ogrid[:32, :32]
    alpha = 0.9 * np.exp(-((rows - 15.5) ** 2 + (columns - 15.5) ** 2) / (2 * 1.3**2))
    frames = paste(moving(count=24)[:, 40:72, 40:72], alpha.astype(np.float32), (40, 40, 40))
    detection = detect_static(frames, numbers=np.arange(24) * 100)
    assert detection.verdict == "found"
    assert all(region.area for region in detection.regions)
    assert json.dumps(detection.report(), allow_nan=False)


def test_scene_still_within_shots_is_none_over_all() -> None:
    shots = np.repeat(np.arange(8), 6)
    frames = np.concatenate([np.repeat(moving(seed)[:1], 6, axis=0) for seed in range(8)])
    assert detect_static(frames, shots=shots).verdict == "clean"
    marked = paste(frames, box(1.0), (250, 250, 250))
    assert overlap(detect_static(marked, shots=shots), box(1.0)) > 0.5


@pytest.mark.parametrize(("count", "size"), [(25, 4), (26, 4), (101, 1)])
def test_maps_of_blocks_stay_in_place(count: int, size: int) -> None:
    centres = size * np.arange(count, dtype=np.float32) + np.float32((size - 1) / 2)
    wide = enlarge(np.tile(centres, (3, 1)), (13, 101), size)
    inner = slice(size, min(count * size, 101) - size)
    assert wide.shape == (13, 101)
    assert np.abs(wide - np.arange(101))[:, inner].max() < 0.1


def test_evidence_of_upright_frames_is_as_fine() -> None:
    frames = np.random.default_rng(2).integers(0, 256, (9, 240, 426, 3), dtype=np.uint8)
    wide, upright = gather(frames), gather(np.ascontiguousarray(frames.swapaxes(1, 2)))
    assert wide.coarse_scale == upright.coarse_scale
    assert np.array_equal(wide.coarse.swapaxes(1, 2), upright.coarse)


def test_long_shot_does_not_outvote_the_others() -> None:
    frames = np.concatenate([np.repeat(moving(0)[:1], 40, axis=0), moving(1)[:30]])
    shots = np.repeat([0, 1], [40, 30])
    assert detect_static(frames, shots=shots).verdict == "clean"


def test_result_is_repeatable_and_the_input_untouched() -> None:
    frames = paste(moving(), lettering(0.6), (255, 255, 255))
    before = frames.copy()
    first, second = detect_static(frames), detect_static(frames)
    assert np.array_equal(frames, before)
    assert np.array_equal(first.blemish.mask, second.blemish.mask)
    assert np.array_equal(first.blemish.alpha, second.blemish.alpha)


def test_report_is_plain_and_complete() -> None:
    alpha = box(1.0)
    detection = detect_static(paste(moving(), alpha, (200, 30, 30)))
    report = json.loads(json.dumps(detection.report()))
    assert set(report) >= {"verdict", "reason", "coverage", "frames", "blemishes"}
    assert report["coverage"] == pytest.approx(detection.blemish.mask.mean())
    (blemish,) = report["blemishes"]
    x, y, width, height = blemish["bbox"]
    assert detection.blemish.mask[y : y + height, x : x + width].sum() == blemish["area"]
    assert blemish["opacity"] > 0.8
    assert 0.5 < blemish["confidence"] <= 1


def test_preview_marks_the_mask_only() -> None:
    frames = paste(moving(), box(1.0), (200, 30, 30))
    detection = detect_static(frames)
    picture = preview(frames[0], detection)
    mask = detection.blemish.mask.astype(np.uint8)
    far = cv2.dilate(mask, np.ones((3, 3), np.uint8)) == 0
    core = cv2.erode(mask, np.ones((5, 5), np.uint8)) > 0
    assert np.array_equal(picture[far], frames[0][far])
    assert (picture != frames[0]).any(axis=2)[core].all()
    assert (picture != frames[0]).any(axis=2)[(mask > 0) & ~core].any()
    with pytest.raises(UsageError):
        preview(frames[0, :-1], detection)


@pytest.mark.parametrize(
    ("samples", "shots"),
    [
        (np.zeros((9, 8, 8), np.uint8), None),
        (np.zeros((9, 8, 8, 3), np.float32), None),
        (np.zeros((0, 8, 8, 3), np.uint8), None),
        (np.zeros((9, 8, 8, 3), np.uint8), np.zeros(8, int)),
        (np.zeros((9, 8, 8, 3), np.uint8), [0] * 8),
    ],
)
def test_bad_input_is_refused(samples: Any, shots: Any) -> None:
    with pytest.raises(UsageError):
        detect_static(samples, shots=shots)


def test_numbers_may_be_lists() -> None:
    frames = moving()[:9, :24, :24]
    detection = detect_static(frames, numbers=list(range(9)), shots=[0] * 9)  # type: ignore[arg-type]
    assert detection.frames == 9
    measure_blemish(frames, np.zeros((24, 24), bool), shots=[0] * 9)  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        measure_blemish(frames, np.zeros((24, 24), bool), shots=[0] * 8)  # type: ignore[arg-type]


def test_stain_that_hides_all_explains_its_edges() -> None:
    alpha = np.zeros((40, 40), np.float32)
    alpha[10:30, 10:30] = 1
    colour = np.full(3, 0.5, np.float32)
    samples = paste(moving()[:9, :40, :40], alpha, (127.5, 127.5, 127.5))
    share = _explained(Stain(alpha > 0, alpha, np.zeros_like(alpha), colour, 1.0), samples, gather(samples))
    assert np.isfinite(share)


@pytest.mark.parametrize("radius", [0, 1, 2.5, 30])
@pytest.mark.parametrize("share", [0, 0.5, 0.98, 1])
def test_erosion_is_by_a_disc(radius: float, share: float) -> None:
    mask = np.random.default_rng(0).random((30, 41)) < share
    mask[:, 25:33] = False
    assert np.array_equal(erode(mask, radius), distance_transform_edt(mask) > radius)
