"""Between stored planes and RGB, and back under a mask only."""

from __future__ import annotations

from typing import Any

import av
import media
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vinpaint.masks.regions import Region
from vinpaint.video.layout import ColourTags, Layout, make_layout
from vinpaint.video.planes import chroma_region, composite, to_rgb

STEPS = {"420": (2, 2), "422": (2, 1), "440": (1, 2), "444": (1, 1), "411": (4, 1)}
MATRICES = {"601": 6, "709": 1, "2020": 9}


def yuv_layout(
    bits: int = 8, steps: tuple[int, int] = (2, 2), matrix: int = 1, full: bool = False, height: int = 64
) -> Layout:
    return make_layout("test", "yuv", bits, steps, ColourTags(2 if full else 1, matrix), height)


def layout_of(model: str, bits: int) -> Layout:
    return make_layout("test", model, bits, (1, 1), ColourTags(2), 64)


def blank(layout: Layout, height: int, width: int, rng: np.random.Generator | None = None) -> tuple[NDArray[Any], ...]:
    """Planes of a layout: mid-grey, or noise."""
    dtype = np.uint8 if layout.bits == 8 else np.uint16
    chroma = -(-height // layout.ystep), -(-width // layout.xstep)
    shapes = [(height, width)] if layout.model == "gray" else [(height, width), chroma, chroma]
    if rng is None:
        return tuple(np.full(shape, 1 << (layout.bits - 1), dtype) for shape in shapes)
    return tuple(rng.integers(0, layout.peak, shape, dtype, endpoint=True) for shape in shapes)


def smooth_picture(height: int, width: int, dtype: Any = np.uint8) -> NDArray[Any]:
    """Slow gradients of saturated colours."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 23 + 1), np.cos(y / 19), np.sin((x + y) / 31)]
    return np.rint(np.iinfo(dtype).max * (0.5 + 0.4 * np.dstack(waves))).astype(dtype)


def write(layout: Layout, rgb: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    height, width = rgb.shape[:2]
    planes = blank(layout, height, width)
    composite(planes, layout, Region(0, height, 0, width), rgb, np.ones((height, width), np.bool_))
    return planes


# ---------------------------------------------------------------- round trips


@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES)
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_round_trip_without_subsampling(bits: int, matrix: int, full: bool) -> None:
    layout = yuv_layout(bits, (1, 1), matrix, full)
    dtype = np.uint8 if bits == 8 else np.uint16
    rgb = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (32, 48, 3), dtype, endpoint=True)
    back = to_rgb(write(layout, rgb), layout, Region(0, 32, 0, 48))
    step = np.iinfo(dtype).max / (layout.peak if full else 219 << (bits - 8))
    assert np.abs(back.astype(int) - rgb).max() <= 1.6 * step + 1


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("bits", [8, 10])
def test_round_trip_of_smooth_pictures(bits: int, steps: tuple[int, int]) -> None:
    layout = yuv_layout(bits, steps)
    dtype = np.uint8 if bits == 8 else np.uint16
    rgb = smooth_picture(64, 96, dtype)
    error = np.abs(to_rgb(write(layout, rgb), layout, Region(0, 64, 0, 96)).astype(int) - rgb)
    unit = np.iinfo(dtype).max / 255
    assert error.max() <= 12 * unit  # at the border chroma cannot be interpolated
    assert error.mean() <= 1.2 * unit


@pytest.mark.parametrize("bits", [8, 16])
def test_round_trip_of_rgb_is_exact(bits: int) -> None:
    layout = layout_of("rgb", bits)
    dtype = np.uint8 if bits == 8 else np.uint16
    rgb = np.random.default_rng(1).integers(0, layout.peak, (17, 23, 3), dtype, endpoint=True)
    assert np.array_equal(to_rgb(write(layout, rgb), layout, Region(0, 17, 0, 23)), rgb)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("model", ["rgb", "gray"])
def test_every_stored_value_survives(model: str, bits: int) -> None:
    layout = layout_of(model, bits)
    values = np.linspace(0, layout.peak, 4096).astype(np.uint8 if bits == 8 else np.uint16).reshape(64, 64)
    planes = (values,) if model == "gray" else (values, values[::-1].copy(), values.T.copy())
    kept = tuple(plane.copy() for plane in planes)
    whole = Region(0, 64, 0, 64)
    composite(planes, layout, whole, to_rgb(planes, layout, whole), np.ones((64, 64), np.bool_))
    for plane, before in zip(planes, kept, strict=True):
        assert np.array_equal(plane, before)


def test_gray_gives_three_equal_channels() -> None:
    layout = make_layout("gray", "gray", 8, (1, 1), ColourTags(1), 64)
    planes = (np.array([[16, 126, 235]], np.uint8),)
    rgb = to_rgb(planes, layout, Region(0, 1, 0, 3))
    assert np.array_equal(rgb[..., 0], rgb[..., 1])
    assert np.array_equal(rgb[..., 0], rgb[..., 2])
    assert rgb[0, :, 0].tolist() == [0, 128, 255]


def test_unspecified_matrix_goes_by_height() -> None:
    small, large = (make_layout("yuv420p", "yuv", 8, (2, 2), ColourTags(), height) for height in (576, 720))
    assert (small.kr, large.kr) == (0.299, 0.2126)


# ---------------------------------------------------------------- against swscale


@pytest.mark.parametrize(
    ("pix_fmt", "tags"),
    [
        ("yuv444p", media.BT709),
        ("yuv420p", media.BT709),
        ("yuv420p", media.BT601),
        ("yuv422p", media.BT709),
        ("yuv420p", media.FULL),
        ("yuv420p10le", media.HDR10),
    ],
)
def test_agrees_with_swscale(pix_fmt: str, tags: media.Tags) -> None:
    rgb = smooth_picture(64, 96)
    native = media.native(rgb, pix_fmt, tags)
    bits = 10 if "10" in pix_fmt else 8
    layout = yuv_layout(bits, STEPS[pix_fmt[3:6]], tags[1], tags[0] == 2)
    ours = write(layout, rgb if bits == 8 else rgb.astype(np.uint16) * 257)
    for mine, theirs in zip(ours, media.planes_of(native), strict=True):
        gap = np.abs(mine.astype(int) - theirs) / (1 << (bits - 8))
        assert gap.mean() < 0.6
        assert gap.max() <= 4  # chroma is taken from other places of the block
    back = to_rgb(tuple(media.planes_of(native)), layout, Region(0, 64, 0, 96)) >> (8 if bits > 8 else 0)
    assert np.abs(back[2:-2, 2:-2].astype(int) - rgb[2:-2, 2:-2]).max() <= 5
    assert np.abs(back.astype(int) - rgb).mean() < 1


def test_black_white_and_primaries() -> None:
    colours = np.array([[(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255)]], np.uint8)
    planes = write(yuv_layout(steps=(1, 1), matrix=1), colours)
    # Rec. ITU-R BT.709-6, 8 bits
    assert planes[0].tolist() == [[16, 235, 63, 173, 32]]
    assert planes[1].tolist() == [[128, 128, 102, 42, 240]]
    assert planes[2].tolist() == [[128, 128, 240, 26, 118]]


# ---------------------------------------------------------------- compositing


@st.composite
def composites(draw: st.DrawFn) -> tuple[Layout, int, int, Region, int]:
    layout = yuv_layout(
        draw(st.sampled_from([8, 10])), draw(st.sampled_from(list(STEPS.values()))), full=draw(st.booleans())
    )
    height, width = draw(st.integers(1, 21)), draw(st.integers(1, 21))
    y0, x0 = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    y1, x1 = draw(st.integers(y0 + 1, height)), draw(st.integers(x0 + 1, width))
    region = Region(y0, y1, x0, x1).aligned(layout.ystep, layout.xstep, height, width)
    return layout, height, width, region, draw(st.integers(0, 1 << 30))


@given(composites())
@settings(deadline=None, max_examples=150)
def test_composite_changes_nothing_outside_the_mask(case: tuple[Layout, int, int, Region, int]) -> None:
    layout, height, width, region, seed = case
    rng = np.random.default_rng(seed)
    planes = blank(layout, height, width, rng)
    before = tuple(plane.copy() for plane in planes)
    rgb = to_rgb(planes, layout, region)
    mask = rng.random((region.height, region.width)) < rng.choice([0.02, 0.3, 1.0])
    rgb[mask] = rng.integers(0, np.iinfo(rgb.dtype).max, 3)
    given_mask, given_rgb = mask.copy(), rgb.copy()
    composite(planes, layout, region, rgb, mask)
    assert np.array_equal(mask, given_mask)
    assert np.array_equal(rgb, given_rgb)
    whole = np.zeros((height, width), np.bool_)
    whole[region.slices] = mask
    for plane, old in zip(planes, before, strict=True):
        changed = plane != old
        assert not (changed & ~media.chroma_mask(whole, plane.shape)).any()
        assert plane.max(initial=0) <= layout.peak


@pytest.mark.parametrize("model", ["rgb", "gray"])
def test_alpha_and_unmasked_samples_are_kept(model: str) -> None:
    rng = np.random.default_rng(2)
    layout = layout_of(model, 8)
    planes = tuple(rng.integers(0, 255, (9, 11), np.uint8) for _ in range(4 if model == "rgb" else 1))
    before = tuple(plane.copy() for plane in planes)
    mask = rng.random((9, 11)) < 0.4
    composite(planes, layout, Region(0, 9, 0, 11), np.full((9, 11, 3), 77, np.uint8), mask)
    for number, (plane, old) in enumerate(zip(planes, before, strict=True)):
        assert np.array_equal(plane[~mask], old[~mask])
        assert (plane[mask] == 77).all() if number < 3 else np.array_equal(plane, old)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 7), (63, 97), (2, 9)])
def test_odd_sizes(height: int, width: int) -> None:
    layout = yuv_layout()
    planes = write(layout, np.full((height, width, 3), 90, np.uint8))
    assert [plane.shape for plane in planes[1:]] == [((height + 1) // 2, (width + 1) // 2)] * 2
    back = to_rgb(planes, layout, Region(0, height, 0, width))
    assert back.shape == (height, width, 3)
    assert np.abs(back.astype(int) - 90).max() <= 1


def test_chroma_region_of_the_border() -> None:
    layout = yuv_layout()
    assert chroma_region(Region(62, 63, 96, 97), layout) == Region(31, 32, 48, 49)


def test_filled_hole_leaves_no_colour_fringe() -> None:
    """A red blemish on a smooth scene in 4:2:0: once filled with the scene, its border does not show."""
    rgb = smooth_picture(64, 96)
    mask = media.box(64, 96, 21, 31, 15, 17)  # cuts through chroma blocks
    marked = rgb.copy()
    marked[mask] = (255, 0, 0)
    layout = yuv_layout()
    planes = write(layout, marked)
    whole = Region(0, 64, 0, 96)
    raw, seen = to_rgb(planes, layout, whole), to_rgb(planes, layout, whole, mask)
    beside = media.chroma_mask(mask, (32, 48)).repeat(2, 0).repeat(2, 1) & ~mask
    before, after = (np.abs(picture.astype(int) - rgb)[beside].mean() for picture in (raw, seen))
    assert after < 0.2 * before  # what methods see of the surroundings is free of the blemish's red
    assert np.array_equal(seen[mask], raw[mask])  # the blemish itself as it was recorded
    seen[mask] = rgb[mask]
    composite(planes, layout, whole, seen, mask)
    error = np.abs(to_rgb(planes, layout, whole).astype(int) - rgb)
    assert error.max() <= 15
    assert error[beside].mean() < 3


def test_visible_pixels_far_from_the_blemish_are_seen_as_stored() -> None:
    layout = yuv_layout()
    planes = blank(layout, 64, 96, np.random.default_rng(4))
    mask = media.box(64, 96, 21, 31, 15, 17)
    raw, seen = (to_rgb(planes, layout, Region(0, 64, 0, 96), hidden) for hidden in (None, mask))
    near = np.zeros_like(mask)
    near[18:40, 27:52] = True
    assert np.array_equal(raw[~near], seen[~near])
    none = np.zeros_like(mask)
    assert np.array_equal(raw, to_rgb(planes, layout, Region(0, 64, 0, 96), none))


def test_planes_of_native_frames_are_what_pyav_shows() -> None:
    frame = av.VideoFrame(10, 6, "yuv420p")
    assert [plane.shape for plane in media.planes_of(frame)] == [(6, 10), (3, 5), (3, 5)]
