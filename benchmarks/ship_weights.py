"""Make the weights that ship from those of a run: float16, with the log of the run and their hash for the card.

Run as ``python -m vinpaint.benchmarks.ship_weights RUN -o baselines/weights/NAME.safetensors``. Half precision:
half the size, errors of one in two thousand.
"""

from __future__ import annotations

import argparse
import sys
from hashlib import sha256
from pathlib import Path

from vinpaint.refiner.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from vinpaint.refiner.training.loop import BEST, LAST

MOST = 8 << 20
"""Bytes of a file in the repository."""


def main(arguments: list[str]) -> int:
    """Convert, and print what the card has to say; the exit status."""
    parser = argparse.ArgumentParser(description="Make the weights that ship from those of a run.")
    parser.add_argument("run", type=Path, help="folder of 'vinpaint train'")
    parser.add_argument("-o", "--output", type=Path, required=True, help="safetensors file")
    options = parser.parse_args(arguments)
    best = read_checkpoint(options.run / BEST)
    about = best.about | {"history": read_checkpoint(options.run / LAST).about["progress"]["epochs"]}
    write_checkpoint(options.output, Checkpoint({name: each.half() for name, each in best.tensors.items()}, about))
    content = options.output.read_bytes()
    print(f"SHA-256  {sha256(content).hexdigest()}")
    print(f"bytes    {len(content)}")
    print(f"best     {about['metrics']}")
    print(f"epochs   {len(about['history'])}")
    return int(len(content) > MOST)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
