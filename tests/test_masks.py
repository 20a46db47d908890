from __future__ import annotations

import json
import random
import struct
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from vinpaint.contracts import Mask
from vinpaint.errors import MaskError
from vinpaint.masks import coverage_warning, from_array, from_gray, handles, read_mask
from vinpaint.masks.annotation import decode_runs, fill_polygon
from vinpaint.masks.names import natural_key
from vinpaint.masks.read import in_frame_order

SIZE = (64, 48)


@pytest.fixture(scope="module")
def truth() -> Mask:
    mask = np.zeros(SIZE[::-1], np.bool_)
    mask[10:30, 20:45] = True
    mask[5, 5] = True
    return mask


def save(path: Path, levels: Any, palette: list[int] | None = None, **options: Any) -> Path:
    picture = Image.fromarray(levels)
    if palette is not None:
        picture.putpalette(palette)
    picture.save(path, **options)
    return path


def palette_picture(indices: Any, colours: list[int]) -> Image.Image:
    picture = Image.fromarray(indices.astype(np.uint8), "L").convert("L")
    paletted = Image.frombytes("P", picture.size, picture.tobytes())
    paletted.putpalette(colours)
    return paletted


def grey(mask: Mask) -> Any:
    return mask.astype(np.uint8) * 255


DARK = [0, 0, 0, 128, 0, 0, 0, 128, 0]
RAMP = np.repeat(np.arange(256), 3).tolist()

PICTURES: dict[str, Callable[[Mask], Image.Image]] = {
    "grey": lambda m: Image.fromarray(grey(m)),
    "zero-one": lambda m: Image.fromarray(m.astype(np.uint8)),
    "one-bit": lambda m: Image.fromarray(grey(m)).convert("1"),
    "rgb": lambda m: Image.fromarray(np.dstack([grey(m)] * 3)),
    "red": lambda m: Image.fromarray(np.dstack([grey(m), 0 * grey(m), 0 * grey(m)])),
    "dark palette": lambda m: palette_picture(m * 2, DARK),
    "palette with ignore": lambda m: palette_picture(np.where(m, 1, 255), DARK + [9] * 759),
    "palette as grey": lambda m: palette_picture(grey(m), RAMP),
    "palette white first": lambda m: palette_picture(~m, [255, 255, 255, 0, 0, 0]),
    "16-bit": lambda m: Image.fromarray(m.astype(np.uint16) * 65535),
    "16-bit zero-one": lambda m: Image.fromarray(m.astype(np.uint16)),
    "grey and alpha": lambda m: Image.fromarray(np.dstack([grey(m), 0 * grey(m) + 255]), "LA"),
    "alpha on white": lambda m: Image.fromarray(np.dstack([255 + 0 * grey(m)] * 3 + [grey(m)])),
    "alpha on black": lambda m: Image.fromarray(np.dstack([0 * grey(m)] * 3 + [grey(m)])),
    "dark strokes on clear": lambda m: Image.fromarray(np.dstack([grey(m) // 4] * 3 + [grey(m)])),
    "opaque": lambda m: Image.fromarray(np.dstack([grey(m)] * 3 + [0 * grey(m) + 255])),
}


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.filterwarnings("ignore:'mode' parameter:DeprecationWarning")
def test_png_of_any_kind(kind: str, truth: Mask, tmp_path: Path) -> None:
    PICTURES[kind](truth).save(tmp_path / "mask.png")
    source = read_mask(tmp_path / "mask.png", SIZE)
    assert np.array_equal(source.frame(0), truth)
    assert source.static
    assert source.coverage == pytest.approx(truth.mean())
    assert f"{100 * truth.mean():.2f} %" in source.describe()
    assert "mask.png" in source.describe()


def test_alpha_is_said_aloud(truth: Mask, tmp_path: Path) -> None:
    PICTURES["alpha on white"](truth).save(tmp_path / "mask.png")
    assert "opaque is hidden" in read_mask(tmp_path / "mask.png", SIZE).describe()


def test_other_formats(truth: Mask, tmp_path: Path) -> None:
    formats: dict[str, dict[str, Any]] = {
        "m.jpg": {"quality": 60},
        "m.bmp": {},
        "m.pgm": {},
        "m.webp": {"lossless": True},
    }
    for name, options in formats.items():
        path = save(tmp_path / name, grey(truth), **options)
        assert (read_mask(path, SIZE).frame(0) ^ truth).mean() < 0.002, name
    path = save(tmp_path / "m.tif", truth.astype(np.float32))
    assert np.array_equal(read_mask(path, SIZE).frame(0), truth)


def test_empty_jpeg_with_noise_stays_empty(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 2, SIZE[::-1], np.uint8)
    assert not read_mask(save(tmp_path / "m.jpg", noise, quality=100), SIZE).frame(0).any()


def test_one_object_of_several(tmp_path: Path) -> None:
    indices = np.zeros(SIZE[::-1], np.uint8)
    indices[:5], indices[5:15] = 1, 2
    palette_picture(indices, DARK).save(tmp_path / "p.png")
    save(tmp_path / "l.png", indices)
    for name in ("p.png", "l.png"):
        assert np.array_equal(read_mask(tmp_path / name, SIZE, object_id=2).frame(0), indices == 2)
    with pytest.raises(MaskError, match=r"object 7 is not in .*p\.png; it has 0, 1, 2"):
        read_mask(tmp_path / "p.png", SIZE, object_id=7)


def test_an_object_may_come_and_go_in_a_directory(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    for index in range(3):
        palette_picture(np.full(SIZE[::-1], index), DARK).save(tmp_path / "masks" / f"{index}.png")
    source = read_mask(tmp_path / "masks", SIZE, object_id=2)
    assert [source.frame(index).all() for index in range(3)] == [False, False, True]
    save(tmp_path / "rgb.png", np.zeros((*SIZE[::-1], 3), np.uint8))
    with pytest.raises(MaskError, match="object ids"):
        read_mask(tmp_path / "rgb.png", SIZE, object_id=1)


# ------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("name", ["m.png", "m.jpg", "m.tif"])
def test_wrong_size_names_both(name: str, truth: Mask, tmp_path: Path) -> None:
    path = save(tmp_path / name, grey(truth))
    with pytest.raises(MaskError, match=r"mask is 64x48, frames are 320x240"):
        read_mask(path, (320, 240))


def png(width: int, height: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_bomb_is_refused_from_its_header(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png(30000, 30000, bytes(30001)))
    with pytest.raises(MaskError, match=r"30000x30000.*64x48"):
        read_mask(tmp_path / "bomb.png", SIZE)


@pytest.mark.parametrize("name", ["missing.png", "missing.json", "missing"])
def test_missing_file_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(MaskError, match=r"missing.*no such mask"):
        read_mask(tmp_path / name, SIZE)


@pytest.mark.parametrize("suffix", ["", ".png", ".json"])
def test_name_that_no_file_can_have_is_a_mask_error(suffix: str) -> None:
    name = "b" * 300 + suffix
    assert handles(name) == bool(suffix)
    with pytest.raises(MaskError, match="give"):
        read_mask(name, SIZE)
    with pytest.raises(MaskError, match="box"):
        read_mask("5" * 300 + ",0,5,5", SIZE)


@pytest.mark.parametrize("name", ["m.png", "m.jpg", "m.bmp", "m.tif", "m.webp", "m.pgm", "m.gif"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damage_is_a_mask_error_or_harmless(name: str, truth: Mask, tmp_path: Path) -> None:
    data = save(tmp_path / name, grey(truth)).read_bytes()
    rng = random.Random(name)
    for trial in range(120):
        damaged = bytearray(data)
        if trial % 3 == 0:
            del damaged[rng.randrange(len(data)) :]
        for _ in range(rng.randrange(1, 8) if damaged else 0):
            damaged[rng.randrange(min(len(damaged), 120 if trial % 2 else 10**6))] = rng.randrange(256)
        (tmp_path / name).write_bytes(damaged)
        complaint = None
        try:
            assert read_mask(tmp_path / name, SIZE).frame(0).shape == truth.shape
        except MaskError as error:
            complaint = str(error)
        assert complaint is None or (name in complaint and "\n" not in complaint)


def test_text_in_a_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.png").write_text("no picture")
    with pytest.raises(MaskError, match="no picture of a known format"):
        read_mask(tmp_path / "m.png", SIZE)


# ------------------------------------------------------------------------------- directories


def folder_of(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for index, name in enumerate(names):
        mask = np.zeros(SIZE[::-1], np.bool_)
        mask[index, :] = True
        save(folder / name, grey(mask))
    return folder


@pytest.mark.parametrize(
    "names",
    [
        ["m2.png", "m10.png", "m100.png"],
        ["b_0001.png", "a_0002.png", "c_0003.png"],
        ["1_a.png", "2_a.png", "10_a.png"],
        ["a.png", "B.png", "c.png"],
    ],
)
def test_directory_gives_one_a_frame(names: list[str], tmp_path: Path) -> None:
    source = read_mask(folder_of(tmp_path / "masks", names), SIZE)
    (tmp_path / "masks" / "notes.txt").write_text("no mask")
    assert not source.static
    for index in range(3):
        assert source.frame(index)[index].all()
        assert source.frame(index).sum() == SIZE[0]
    assert source.coverage == pytest.approx(1 / SIZE[1])
    source.check_count(3)


def test_other_count_names_both(tmp_path: Path) -> None:
    source = read_mask(folder_of(tmp_path / "masks", ["1.png", "2.png"]), SIZE)
    with pytest.raises(MaskError, match="2 masks for 12 frames"):
        source.check_count(12)
    with pytest.raises(MaskError, match=r"2 masks.*3 frames or more"):
        source.frame(2)


def test_directory_is_read_lazily_and_checked(truth: Mask, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "masks", ["1.png", "2.png"])
    save(folder / "3.png", np.zeros((5, 7), np.uint8))
    source = read_mask(folder, SIZE)
    source.frame(1)
    with pytest.raises(MaskError, match=r"3\.png: mask is 7x5"):
        source.frame(2)


def test_empty_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    with pytest.raises(MaskError, match="no pictures"):
        read_mask(tmp_path / "masks", SIZE).frame(0)


@given(st.lists(st.integers(0, 10**6), unique=True, min_size=1))
def test_order_is_by_number(numbers: list[int]) -> None:
    paths = [Path(f"frame{n}.png") for n in numbers]
    assert in_frame_order(paths) == [Path(f"frame{n}.png") for n in sorted(numbers)]


def test_natural_order_counts_digits_only() -> None:
    names = ["a.png", "B.png", "f².png", "f2.png", "f10.png", "f10b.png"]
    ordered = ["a.png", "B.png", "f2.png", "f10.png", "f10b.png", "f².png"]
    assert [p.name for p in sorted(map(Path, names), key=natural_key)] == ordered


# ------------------------------------------------------------------------------- boxes


def test_box() -> None:
    mask = read_mask("5,6,20,10", SIZE).frame(0)
    assert mask[6:16, 5:25].all()
    assert mask.sum() == 200
    assert read_mask("-5,-5,10,10", SIZE).frame(0).sum() == 25


def test_box_for_a_span_of_time() -> None:
    source = read_mask("5,6,20,10@1.5-3", SIZE)
    shown = [source.frame(0, Fraction(n, 2)).any() for n in range(8)]
    assert shown == [n in (3, 4, 5) for n in range(8)]
    assert not source.static
    with pytest.raises(MaskError, match="time"):
        source.frame(0)
    source = read_mask("5,6,20,10@2f-4f", SIZE)
    assert [source.frame(n).any() for n in range(6)] == [False, False, True, True, False, False]
    assert read_mask("5,6,20,10@2f-", SIZE).frame(999).any()


@pytest.mark.parametrize(
    "text", ["100,0,5,5", "0,0,0,5", "0,0,5,5@3-2", "0,0,5,5@1f-2", "0,0,5,5@1.2.3-4", "0,0,5,5@.-4"]
)
def test_bad_box(text: str) -> None:
    with pytest.raises(MaskError, match="box"):
        read_mask(text, SIZE)


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("a.png", True),
        ("a.PNG", True),
        ("a.json", True),
        ("1,2,3,4@1-2", True),
        ("a.mkv", False),
        ("a", False),
    ],
)
def test_handles_everything_but_videos(argument: str, expected: bool, tmp_path: Path) -> None:
    assert handles(argument) == expected
    assert handles(tmp_path)


# ------------------------------------------------------------------------------- JSON


def encode_runs(mask: Mask) -> list[int]:
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat.astype(np.int8))) + 1
    runs = np.diff([0, *edges, flat.size]).tolist()
    return [0, *runs] if flat[0] else runs


def pack(counts: list[int]) -> str:
    """COCO's text form, written from its definition: 5 bits a letter, bit 6 = more, from ASCII 48 on."""
    text = ""
    for index, count in enumerate(counts):
        value = count - counts[index - 2] if index > 2 else count
        more = True
        while more:
            digit, value = value & 31, value >> 5
            more = value != (-1 if digit & 16 else 0)
            text += chr(48 + digit + (32 if more else 0))
    return text


masks = arrays.arrays(np.bool_, st.tuples(st.integers(1, 30), st.integers(1, 30)))


@settings(deadline=None)
@given(masks)
def test_run_lengths_round_trip(mask: Mask) -> None:
    counts = encode_runs(mask)
    assert np.array_equal(decode_runs(counts, *mask.shape), mask)
    assert np.array_equal(decode_runs(pack(counts), *mask.shape), mask)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 30), st.integers(1, 30))
def test_rectangle_polygon_is_the_box(x: int, y: int, width: int, height: int) -> None:
    corners = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], float)
    expected = np.zeros((30, 40), np.bool_)
    expected[y : y + height, x : x + width] = True
    assert np.array_equal(fill_polygon(corners, 30, 40), expected)


@settings(deadline=None, max_examples=60)
@given(arrays.arrays(np.float64, (7, 2), elements=st.integers(-1280, 3840).map(lambda n: n / 64)))
def test_polygon_has_the_pixels_whose_centre_is_inside(corners: Any) -> None:
    mask = fill_polygon(corners, 30, 40)
    x, y = np.meshgrid(np.arange(40) + 0.5, np.arange(30) + 0.5)
    inside = np.zeros((30, 40), np.bool_)
    nearest = np.full((30, 40), np.inf)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        crossing = x0 + (y - y0) * ((x1 - x0) / (y1 - y0))
        spans = (min(y0, y1) <= y) & (y < max(y0, y1))
        inside ^= spans & (crossing > x)
        nearest = np.where(spans, np.minimum(nearest, np.abs(crossing - x)), nearest)
    clear = nearest > 1e-6
    assert np.array_equal(mask[clear], inside[clear])


def test_json_documents(truth: Mask, tmp_path: Path) -> None:
    runs = {"size": list(SIZE[::-1]), "counts": encode_runs(truth)}
    packed = {"size": list(SIZE[::-1]), "counts": pack(encode_runs(truth))}
    boxes = [[20, 10, 45, 10, 45, 30, 20, 30], [5, 5, 6, 5, 6, 6, 5, 6]]
    image = {"id": 1, "width": SIZE[0], "height": SIZE[1]}
    documents = [
        runs,
        packed,
        boxes,
        {"segmentation": packed},
        [{"segmentation": [boxes[0]]}, {"segmentation": [boxes[1]]}],
        {"images": [image], "annotations": [{"id": 3, "segmentation": boxes}]},
        [[[20, 10], [45, 10], [45, 30], [20, 30]], [[5, 5], [6, 5], [6, 6], [5, 6]]],
    ]
    for document in documents:
        (tmp_path / "m.json").write_text(json.dumps(document))
        assert np.array_equal(read_mask(tmp_path / "m.json", SIZE).frame(0), truth), document
    (tmp_path / "m.json").write_text(json.dumps(documents[5]))
    assert read_mask(tmp_path / "m.json", SIZE, object_id=3).frame(0).any()
    with pytest.raises(MaskError, match=r"object 4 is not in .*m\.json; it has 3"):
        read_mask(tmp_path / "m.json", SIZE, object_id=4)
    (tmp_path / "m.json").write_text(json.dumps(runs))
    with pytest.raises(MaskError, match=r"object 4 is not in .*m\.json; it has no ids"):
        read_mask(tmp_path / "m.json", SIZE, object_id=4)


def test_json_without_annotations_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text("[]")
    source = read_mask(tmp_path / "m.json", SIZE)
    assert not source.frame(0).any()
    assert "0 annotations" in source.describe()


BAD_JSON: list[str] = [
    "",
    "{",
    "5",
    "null",
    "true",
    '"text"',
    "[1, 2]",
    "[[1, 2, 3, 4]]",
    "[[1, 2, 3, 4, 5, 6, 7]]",
    "[[1, 2, 3, 4, NaN, 6]]",
    "[[1, 2, 3, 4, 1e300, 6]]",
    '[["a", 2, 3, 4, 5, 6]]',
    "{}",
    '{"size": [48, 64]}',
    '{"size": [48, 64], "counts": [1, 2]}',
    '{"size": [48, 64], "counts": [-1, 3073]}',
    '{"size": [48, 64], "counts": [1.5, 3070.5]}',
    '{"size": [48, 64], "counts": "~~~"}',
    '{"size": [48, 64], "counts": "PPPPPPPPPPPPPPPPPP"}',
    '{"size": [48, 64], "counts": {}}',
    '{"size": 48, "counts": [3072]}',
    '{"images": 3, "annotations": []}',
    '{"images": [3], "annotations": []}',
    '{"images": [{}, {}], "annotations": []}',
    '{"annotations": 5}',
    "[" * 100000,
    "9" * 5000,
]


@pytest.mark.parametrize("text", BAD_JSON, ids=range(len(BAD_JSON)))
def test_bad_json_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(MaskError, match=r"m\.json"):
        read_mask(tmp_path / "m.json", SIZE)


@pytest.mark.parametrize(
    "document",
    [
        {"size": [5, 7], "counts": [35]},
        {"images": [{"width": 7, "height": 5}], "annotations": []},
    ],
)
def test_json_of_another_size_names_both(document: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps(document))
    with pytest.raises(MaskError, match="mask is 7x5, frames are 64x48"):
        read_mask(tmp_path / "m.json", SIZE)


# ------------------------------------------------------------------------------- arrays


def test_arrays(truth: Mask) -> None:
    for levels in (
        truth,
        grey(truth),
        truth.astype(np.uint8),
        truth.astype(np.float32),
        truth * np.uint16(65535),
    ):
        assert np.array_equal(from_array(levels).frame(0), truth)
    moving = from_array(np.stack([truth, ~truth]))
    assert np.array_equal(moving.frame(1), ~truth)
    assert moving.coverage == pytest.approx(0.5)
    with pytest.raises(MaskError, match="2 masks for 3"):
        moving.check_count(3)
    for bad in (np.zeros(5), np.zeros((3, 3), int), np.zeros((0, 3), np.bool_), np.full((2, 2), "x")):
        with pytest.raises(MaskError, match="mask is"):
            from_array(bad)


def test_grey_video_frame() -> None:
    assert from_gray(np.array([[0, 127, 128, 255]], np.uint8)).tolist() == [[False, False, True, True]]


def test_coverage_warnings() -> None:
    assert "empty" in str(coverage_warning(0.0))
    assert "70 %" in str(coverage_warning(0.7))
    assert coverage_warning(0.3) is None
