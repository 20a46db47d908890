"""A demonstration from nothing: film a scene, put a stain before it, find the stain, clean the clip.

Run as ``python -m vinpaint.benchmarks.demo [FOLDER]``; everything is made on the spot and takes about a minute.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from vinpaint.cli import run
from vinpaint.contracts import Blemish, Frames
from vinpaint.refiner.synthetic import apply, logo, scene_frames, soft_stain
from vinpaint.video import open_source
from vinpaint.video.compose import write_video
from vinpaint.video.images import write_image

COUNT, HEIGHT, WIDTH, RATE = 150, 360, 640, Fraction(25)
_SHOWN = 75  # the frame of the picture


def main(folder: Path) -> int:
    """Make the demonstration in a folder; the exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    stained, cleaned, truth = folder / "stained.mp4", folder / "clean.mp4", folder / "truth.mp4"
    print(f"1. filming {COUNT} frames of a scene, with sound, through a stained lens", flush=True)
    film(truth, stained)
    print(f"\n2. vinpaint detect {stained} -o {folder}/mask.png --preview {folder}/preview.png", flush=True)
    maps = ["--preview", str(folder / "preview.png"), "--report", str(folder / "report.json")]
    status = run(["detect", str(stained), "-o", str(folder / "mask.png"), *maps, "-y"])
    print(f"\n3. vinpaint clean {stained} -o {cleaned}", flush=True)
    status = status or run(["clean", str(stained), "-o", str(cleaned), "--explain", str(folder / "origin.png"), "-y"])
    if status:
        return status
    picture = folder / "before_after.png"
    show(picture, stained, cleaned)
    print(f"\nin the stain: {error(stained, truth):.1f} grey levels off before, {error(cleaned, truth):.1f} after")
    print(f"clip:          {cleaned}\nbefore/after:  {picture}\nwhat is what:  {folder / 'origin.png'}")
    return 0


def blemish() -> Blemish:
    """A soft stain and a small opaque logo."""
    stain = soft_stain(HEIGHT, WIDTH, centre=(230, 190), radius=46, opacity=0.95, seed=4)
    mark = logo(HEIGHT, WIDTH, text="LENS 1", centre=(540, 40), size=22)
    top = mark.alpha > stain.alpha
    return Blemish(
        stain.mask | mark.mask,
        np.where(top, mark.alpha, stain.alpha),
        np.where(top[..., None], mark.colour, stain.colour),
        np.maximum(stain.confidence, mark.confidence),
    )


def film(truth: Path, stained: Path) -> None:
    """Write the scene as it is, and through the stain."""
    spot = blemish()
    write_video(truth, scene_frames(COUNT, HEIGHT, WIDTH, seed=7), RATE)
    seen = (apply(frame[None], spot)[0] for frame in scene_frames(COUNT, HEIGHT, WIDTH, seed=7))
    write_video(stained, seen, RATE, sound=melody(COUNT / float(RATE)))


def melody(seconds: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """A quiet rising scale at 48 kHz."""
    time = np.arange(int(48000 * seconds)) / 48000
    pitch = 220 * 2 ** (np.floor(time * 2) % 12 / 12)
    fade = 1 - (time * 2) % 1
    return (0.15 * fade * np.sin(2 * np.pi * np.cumsum(pitch) / 48000)).astype(np.float32)


def frame_of(path: Path, index: int) -> Frames:
    """One frame of a clip."""
    with open_source(path) as source:
        for number, frame in enumerate(source):
            if number == index:
                return frame.rgb()
    raise IndexError(index)


def error(path: Path, truth: Path) -> float:
    """Mean difference from the true scene under the stain, in grey levels, over all frames."""
    hidden = blemish().alpha > 0.05
    with open_source(path) as a, open_source(truth) as b:
        gaps = [np.abs(x.rgb()[hidden].astype(np.int16) - y.rgb()[hidden]).mean() for x, y in zip(a, b, strict=True)]
    return float(np.mean(gaps))


def show(picture: Path, stained: Path, cleaned: Path) -> None:
    """Write before and after, side by side."""
    gap = np.full((HEIGHT, 8, 3), 255, np.uint8)
    before, after = (frame_of(path, _SHOWN).copy() for path in (stained, cleaned))
    for image, text in ((before, "before"), (after, "after")):
        cv2.putText(image, text, (12, HEIGHT - 14), cv2.FONT_HERSHEY_DUPLEX, 0.8, (0, 0, 0), 4, cv2.LINE_AA)
        cv2.putText(image, text, (12, HEIGHT - 14), cv2.FONT_HERSHEY_DUPLEX, 0.8, (255, 255, 255), 1, cv2.LINE_AA)
    write_image(picture, np.hstack([before, gap, after]))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo-out")))
