"""The log of a run: one line of CSV an epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from vinpaint.files import write_bytes

MEASURES = ("val_loss", "psnr", "psnr_in", "input_psnr", "input_psnr_in")
"""What is measured on what is held out, see :class:`Epoch`."""


@dataclass(frozen=True)
class Epoch:
    """What an epoch brought.

    Attributes
    ----------
    epoch : int
        From 1.
    stage : str
        Of a run in stages.
    rate : float
        Learning rate.
    train_loss, val_loss : float
        Means; the second with averaged weights, on whole frames that are held out.
    psnr, psnr_in : float
        dB of held-out frames, whole and where something hides them; means over frames.
    input_psnr, input_psnr_in : float
        The same of what the network is given.
    seconds : float
        Wall time.
    """

    epoch: int
    stage: str
    rate: float
    train_loss: float
    val_loss: float
    psnr: float
    psnr_in: float
    input_psnr: float
    input_psnr_in: float
    seconds: float

    def __str__(self) -> str:
        return (
            f"epoch {self.epoch}{f' ({self.stage})' if self.stage else ''}: loss {self.train_loss:.5f}, "
            f"held out {self.val_loss:.5f}, {self.psnr:.2f} dB (input {self.input_psnr:.2f}), where hidden "
            f"{self.psnr_in:.2f} dB (input {self.input_psnr_in:.2f}), {self.seconds:.0f} s"
        )


def write_log(path: Path, rows: Sequence[Epoch]) -> None:
    """Write all epochs anew."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _short(value) for name, value in asdict(row).items()} for row in rows)
    write_bytes(path, text.getvalue().encode())


def _short(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value
