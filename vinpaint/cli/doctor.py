"""``vinpaint doctor``: what is installed, and whether it works; for bug reports."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from importlib import metadata

import typer

from vinpaint import __version__

_PACKAGES = (
    "numpy",
    "scipy",
    "opencv-contrib-python-headless",
    "scikit-image",
    "numba",
    "av",
    "pillow",
    "torch",
    "safetensors",
    "typer",
    "rich",
    "jinja2",
    "scenedetect",
    "ptlflow",
    "onnxruntime",
    "onnx",
    "coremltools",
)
_OPTIONAL = {
    "ptlflow": "learned flow: make raft in a checkout",
    "onnxruntime": "leak --segmenter: the extra 'segmenter'",
    "onnx": "export to ONNX: the extra 'onnx'",
    "coremltools": "export to Core ML: the extra 'coreml'",
}
DEPENDENCY_MISSING = 6


def command() -> int:
    """Show versions and devices, and check that what vinpaint needs is there and undamaged."""
    typer.echo(f"vinpaint      {__version__} in {os.path.dirname(os.path.dirname(__file__))}")  # noqa: PTH120
    typer.echo(f"python        {platform.python_version()} on {platform.platform()}, {os.cpu_count()} cores")
    problems = [problem for package in _PACKAGES if (problem := _show_package(package))]
    problems += [problem for check in (_check_opencv, _check_encoders, _show_devices) if (problem := check())]
    for problem in problems:
        typer.echo(f"problem       {problem}")
    typer.echo("all is well" if not problems else f"{len(problems)} to repair")
    return DEPENDENCY_MISSING if problems else 0


def _show_package(package: str) -> str | None:
    try:
        typer.echo(f"{package:<31}{metadata.version(package)}")
    except metadata.PackageNotFoundError:
        if package in _OPTIONAL:
            typer.echo(f"{package:<31}not installed ({_OPTIONAL[package]})")
            return None
        return f"{package} is missing; repair: {sys.executable} -m pip install vinpaint"
    return None


def _check_opencv() -> str | None:
    """Call a contrib function: another OpenCV wheel unpacked over ours leaves the modules, but not what is in them."""
    owners = sorted(set(metadata.packages_distributions().get("cv2", [])))
    typer.echo(f"cv2 comes from                 {', '.join(owners) or 'nowhere'}")
    try:
        damaged = not opencv_works()
    except Exception as error:  # noqa: BLE001 - a broken wheel can fail in any way
        typer.echo(f"cv2                            {type(error).__name__}: {error}")
        damaged = True
    if not damaged:
        return None
    wheel = "opencv-contrib-python-headless"
    version = metadata.version(wheel) if wheel in owners else "4.13.0.92"
    command = f"{sys.executable} -m pip install --force-reinstall --no-deps {wheel}=={version}"
    return f"cv2 lacks its contrib functions, another OpenCV was unpacked over it; repair: {command}"


def opencv_works() -> bool:
    """Whether OpenCV's contrib functions can be called."""
    import cv2
    import numpy as np

    picture = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    smooth: Callable[..., object] | None = getattr(getattr(cv2, "ximgproc", None), "guidedFilter", None)
    return smooth is not None and smooth(picture, picture, 2, 0.1) is not None


def _check_encoders() -> str | None:
    from vinpaint.video.encoders import missing_encoders

    missing = missing_encoders()
    typer.echo(f"video encoders                 {'all there' if not missing else 'without ' + ', '.join(missing)}")
    return None


def _show_devices() -> str | None:
    try:
        import torch
    except (ImportError, OSError) as error:
        return f"torch does not load ({error}); repair: {sys.executable} -m pip install 'torch<2.14'"
    devices = [
        "cpu",
        *(f"cuda:{n} {torch.cuda.get_device_name(n)}" for n in range(torch.cuda.device_count())),
    ]
    if torch.backends.mps.is_available():
        devices.append("mps")
    typer.echo(f"devices                        {', '.join(devices)}")
    return None
