"""A known mark: its pictures read, and found in a clip."""

from __future__ import annotations

from pathlib import Path

import cv2
import media
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vinpaint.cli import run
from vinpaint.contracts import Blemish
from vinpaint.detect.registration import register
from vinpaint.errors import MaskError
from vinpaint.masks.template import Template, read_template
from vinpaint.refiner import synthetic

HEIGHT, WIDTH = 120, 200
SCENE = synthetic.moving_scene(32, HEIGHT, WIDTH, seed=9)
ALPHA = np.rint(65535 * np.linspace(0, 0.5, 48).reshape(6, 8)).astype(np.uint16)


def mark(size: float = 20, opacity: float = 0.5) -> Template:
    """Lettering, cut out tightly."""
    whole = synthetic.logo(60, 160, text="SAMPLE", centre=(80, 30), size=size, opacity=opacity)
    ys, xs = np.nonzero(whole.mask)
    box = np.s_[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    return Template(whole.alpha[box], whole.colour[box])


def placed(template: Template, x: int, y: int, scale: float = 1, strength: float = 1) -> Blemish:
    how = {"dsize": None, "fx": scale, "fy": scale, "interpolation": cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR}
    small, tint = cv2.resize(template.alpha, **how), cv2.resize(template.alpha[..., None] * template.colour, **how)
    alpha, colour = np.zeros((HEIGHT, WIDTH), np.float32), np.zeros((HEIGHT, WIDTH, 3), np.float32)
    part = np.s_[y : y + small.shape[0], x : x + small.shape[1]]
    alpha[part], colour[part] = small * strength, tint / np.maximum(small, 1e-3)[..., None]
    return synthetic.blemish_of(alpha, np.clip(colour, 0, 1))


def write(path: Path, picture: NDArray[np.generic]) -> Path:
    order = picture[..., ::-1] if picture.ndim == 3 else picture
    assert cv2.imwrite(str(path), order)
    return path


@pytest.mark.parametrize("bits", [8, 16])
def test_levels_are_scaled_by_their_type(tmp_path: Path, bits: int) -> None:
    stored = ALPHA if bits == 16 else (ALPHA >> 8).astype(np.uint8)
    red = np.full((6, 8, 3), (255, 51, 0), np.uint8)
    template = read_template(write(tmp_path / "a.png", stored), write(tmp_path / "c.png", red))
    np.testing.assert_allclose(template.alpha, ALPHA / 65535, atol=1 / 255 if bits == 8 else 1e-6)
    np.testing.assert_allclose(template.colour[0, 0], (1, 0.2, 0), atol=1e-6)
    gray = read_template(write(tmp_path / "a.png", stored), write(tmp_path / "g.png", np.full((6, 8), 51, np.uint8)))
    assert gray.colour.shape == (6, 8, 3)


def test_pictures_that_do_not_fit_say_so(tmp_path: Path) -> None:
    good = write(tmp_path / "a.png", ALPHA)
    colour = write(tmp_path / "c.png", np.full((6, 8, 3), 200, np.uint8))
    coloured = np.dstack([ALPHA, ALPHA, ALPHA // 2])
    for alpha, tint, words in (
        (tmp_path / "none.png", colour, "does not exist"),
        (write(tmp_path / "red.png", coloured), colour, "is coloured"),
        (good, write(tmp_path / "small.png", np.zeros((5, 8, 3), np.uint8)), "8x6, the colour 8x5"),
        (write(tmp_path / "black.png", np.zeros_like(ALPHA)), colour, "is black"),
        (write(tmp_path / "rgba.png", np.zeros((6, 8, 4), np.uint8)), colour, "alpha channel"),
    ):
        with pytest.raises(MaskError, match=words):
            read_template(alpha, tint)


def test_files_that_are_no_pictures_say_so(tmp_path: Path) -> None:
    colour = write(tmp_path / "c.png", np.full((6, 8, 3), 200, np.uint8))
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").touch()
    Image.new("1", (9000, 9000)).save(tmp_path / "large.png")
    for name in ("text.png", "empty.png", "large.png"):
        with pytest.raises(MaskError, match=f"{name} cannot be read"):
            read_template(tmp_path / name, colour)
    with pytest.raises(MaskError, match="does not exist"):
        read_template(tmp_path / ("a" * 300 + ".png"), colour)


@pytest.mark.parametrize("scale", [1.0, 0.8, 1.3])
def test_a_mark_is_found_at_its_place_and_scale(scale: float) -> None:
    template = mark()
    truth = placed(template, 23, 31, scale)
    found = register(synthetic.apply(SCENE, truth), template)
    covered = truth.alpha > 0.05
    assert np.abs(found.alpha - truth.alpha)[covered].mean() < 0.06
    assert (found.mask & covered).sum() > 0.97 * covered.sum()
    assert found.alpha_error is not None
    assert np.isfinite(found.alpha_error).all()


def test_a_weaker_mark_is_fitted() -> None:
    template = mark()
    truth = placed(template, 23, 31, strength=0.7)
    found = register(synthetic.apply(SCENE, truth), template)
    assert found.alpha.max() == pytest.approx(truth.alpha.max(), abs=0.05)


def test_maps_of_the_frames_size_are_taken_as_they_are() -> None:
    truth = placed(mark(), 23, 31)
    found = register(SCENE, Template(truth.alpha, truth.colour))
    np.testing.assert_array_equal(found.alpha, truth.alpha)
    assert found.alpha_error is None


def test_a_mark_that_is_not_there_is_refused() -> None:
    with pytest.raises(MaskError, match=r"not found in the clip \(score 0\.\d\d, 0\.35 needed\)"):
        register(SCENE, mark())
    with pytest.raises(MaskError, match="frames are 60x50"):
        register(SCENE[:, :50, :60].copy(), mark())


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    template, truth = mark(), placed(mark(), 23, 31)
    stained = synthetic.apply(SCENE, truth)
    media.write_clip(
        tmp_path / "in.mkv", media.Clip(codec="ffv1", width=WIDTH, height=HEIGHT, count=len(SCENE)), stained
    )
    write(tmp_path / "a.png", np.rint(65535 * template.alpha).astype(np.uint16))
    write(tmp_path / "c.png", np.rint(255 * template.colour).astype(np.uint8))
    known = ["--alpha", "a.png", "--color", "c.png", "--lossless"]
    assert run(["clean", "in.mkv", "-o", "out.mkv", "--mask-out", "m.png", *known]) == 0
    assert "the mark was found" in capsys.readouterr().err
    seen, result = (media.rgb_frames(tmp_path / name) for name in ("in.mkv", "out.mkv"))
    found = media.read_image(tmp_path / "m.png") > 127
    assert media.changed_outside(tmp_path / "in.mkv", tmp_path / "out.mkv", found) == 0
    before, after = (np.abs(clip.astype(float) - SCENE)[:, truth.mask].mean() for clip in (seen, result))
    assert after < 0.3 * before
    assert run(["fill", "in.mkv", "-m", "m.png", "-o", "filled.mkv", *known]) == 0
    assert np.array_equal(media.rgb_frames(tmp_path / "filled.mkv"), result)
    for words, arguments in (
        ("give both", ["--alpha", "a.png"]),
        ("makes no use of", [*known[:4], "--method", "telea"]),
    ):
        assert run(["fill", "in.mkv", "-m", "m.png", "-o", "no.mkv", *arguments]) == 2
        assert words in capsys.readouterr().err
    assert not (tmp_path / "no.mkv").exists()
