"""``vinpaint methods``: what can fill."""

from __future__ import annotations

import typer


def command() -> int:
    """List the fill methods."""
    from vinpaint.fill.registry import available

    for name, spec in available():
        extra = f" (needs vinpaint[{spec.extra}])" if spec.extra else ""
        typer.echo(f"{name:<14}{spec.summary}{extra}")
    return 0
