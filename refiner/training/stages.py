"""Training in stages: first where the blemish is, then the picture with it, then the picture alone, slowly."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Stage:
    """A part of a run.

    Attributes
    ----------
    name : str
        For the log.
    until : float
        Share of the epochs after which it ends.
    picture : float
        Weight of the losses of the picture.
    mask : tuple of float
        Weight of the losses of the blemish's mask at its beginning and its end.
    rate : float
        Factor of the learning rate.
    """

    name: str
    until: float
    picture: float
    mask: tuple[float, float]
    rate: float = 1.0


@dataclass(frozen=True)
class Emphasis:
    """What counts in one epoch: the weights of picture and mask, and the factor of the rate.

    ``last`` tells whether the run may end here when nothing improves.
    """

    stage: str
    picture: float
    mask: float
    rate: float
    last: bool

    def judged(self) -> Emphasis:
        """What counts on held-out frames: the picture alone; the mask where only that is learned."""
        return replace(self, mask=0.0) if self.picture else self


PLAIN = Emphasis("", 1.0, 0.3, 1.0, last=True)
"""Without stages."""

STAGES = (
    Stage("warm-up", 0.1, 0.0, (1.0, 1.0)),
    Stage("joint", 0.7, 1.0, (0.3, 0.03)),
    Stage("fine-tune", 1.0, 1.0, (0.0, 0.0), rate=0.1),
)


def emphasis(epoch: int, epochs: int) -> Emphasis:
    """What counts in an epoch, 0 to ``epochs`` − 1, of a run in stages."""
    begin = 0.0
    for stage in STAGES:
        if epoch < round(stage.until * epochs) or stage is STAGES[-1]:
            done = (epoch / epochs - begin) / (stage.until - begin)
            first, last = stage.mask
            mask = first + (last - first) * min(1.0, max(0.0, done))
            return Emphasis(stage.name, stage.picture, mask, stage.rate, last=stage is STAGES[-1])
        begin = stage.until
    raise AssertionError("the last stage has no end")


def judged_alike(one: str, other: str) -> bool:
    """Whether held-out losses of two stages, by name, can be compared: both of the picture, or both of the mask."""
    by_mask = {stage.name for stage in STAGES if not stage.picture}
    return (one in by_mask) == (other in by_mask)
