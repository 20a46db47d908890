"""The networks that refine a fill: they weigh pictures of what is hidden against each other, and correct the result."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, layer_norm, scaled_dot_product_attention

from vinpaint.refiner.body import Body, Halving, continued, enlarged, silence
from vinpaint.refiner.evidence import SOURCES
from vinpaint.refiner.losses.structure import sobel
from vinpaint.refiner.networks import Refined, Refiner

BOUND = 3.0
"""The largest correction, in standard deviations to expect of the first picture: what is known well stays."""
TRUST = 5.0
"""How much likelier the first picture is than each of the others before anything is learned (natural logarithm)."""
USUAL = 4.0
"""Natural logarithm of the squared error, in squared grey levels, that is expected before anything is learned."""
ASKING = 0.0
"""Share of a place that is hidden above which it asks others."""

_COUNT = len(SOURCES)
_EXPECTED = 0.0, 12.0  # bounds of that logarithm: where nothing is hidden, nothing else holds it
_EAGER = 4.0  # weights that begin near 1 and 0 learn slowly
_AMPLIFIED = 4.0  # differences of pictures are small
_HEADS = 4


class RefinerV1(Refiner):
    """A U-Net of residual blocks at half the size and below, see :class:`vinpaint.refiner.body.Body`.

    Parameters
    ----------
    width : int
        Channels at half the size.
    residual : bool
        Whether the mixture of the pictures is corrected.
    """

    def __init__(self, width: int = 32, *, residual: bool = True) -> None:
        super().__init__()
        self.residual = residual
        self.begin, self.body = Halving(4 * _COUNT + 1, width), Body(width)
        self.end = nn.Conv2d(width, 4 * (_COUNT + 4), 3, padding=1)
        silence(self.end)

    def forward(self, pictures: Tensor, error: Tensor, hidden: Tensor) -> Refined:
        """See :meth:`Refiner.forward`."""
        return self._refined(self._features(pictures, error, hidden), pictures, error, hidden)

    def _refined(self, features: Tensor, pictures: Tensor, error: Tensor, hidden: Tensor) -> Refined:
        out = enlarged(self.end(features), *hidden.shape[-2:])
        trust = out.new_tensor([TRUST] + [0.0] * (_COUNT - 1))
        weights = (_EAGER * out[:, :_COUNT] + trust.view(1, -1, 1, 1)).softmax(dim=1)
        correction = BOUND * deviation(error[:, :1]) * torch.tanh(out[:, _COUNT : _COUNT + 3])
        mixed = correction if self.residual else torch.zeros_like(correction)
        for source in range(_COUNT):
            mixed = mixed + weights[:, source : source + 1] * pictures[:, source]
        expected = (USUAL + out[:, _COUNT + 3 :]).clamp(*_EXPECTED)
        return Refined(torch.where(hidden > 0, mixed, pictures[:, 0]), expected, weights)

    def _features(self, pictures: Tensor, error: Tensor, hidden: Tensor) -> Tensor:
        """What the U-Net makes of evidence, (B, C, h, w) at half the size."""
        pictures, error, hidden = (continued(each) for each in (pictures.flatten(1, 2), error, hidden))
        features, kept = self.body.down(self._begun(pictures, error, hidden))
        return self.body.up(self._looked_around(features, hidden), kept)

    def _begun(self, pictures: Tensor, error: Tensor, hidden: Tensor) -> Tensor:
        """The first picture, how the others (B, S·3, H, W) differ from it, their errors and the hole, at half size."""
        first = pictures[:, :3]
        others = _AMPLIFIED * (pictures[:, 3:] - first.repeat(1, _COUNT - 1, 1, 1))
        begun: Tensor = self.begin(torch.cat([2 * first - 1, others, error, hidden], dim=1))
        return begun

    def _looked_around(self, features: Tensor, hidden: Tensor) -> Tensor:
        """What the bottom of the U-Net makes of its features."""
        return features


class RefinerV2(RefinerV1):
    """The same with a pathway for edges, attention from what is hidden, and a head that says what was recovered.

    Parameters
    ----------
    width : int
        Channels at half the size.
    residual : bool
        Whether the mixture of the pictures is corrected.
    attention : str
        At a sixteenth of the size: ``sparse``: from hidden places to all; ``full``: from all to all; ``off``.
    edges : bool
        Whether the derivatives of the pictures have a pathway of their own.
    """

    def __init__(
        self, width: int = 32, *, residual: bool = True, attention: str = "sparse", edges: bool = True
    ) -> None:
        super().__init__(width, residual=residual)
        bottom = self.body.widths[-1]
        self.attend = None if attention == "off" else HoleAttention(bottom, sparse=attention == "sparse")
        self.edges = Halving(2 * _COUNT, width) if edges else None
        self.recovered = nn.Conv2d(width, 4, 3, padding=1)

    def forward(self, pictures: Tensor, error: Tensor, hidden: Tensor) -> Refined:
        """See :meth:`Refiner.forward`; says besides what it takes for recovered."""
        features = self._features(pictures, error, hidden)
        refined = self._refined(features, pictures, error, hidden)
        return replace(refined, recovered=enlarged(self.recovered(features), *hidden.shape[-2:]))

    def _begun(self, pictures: Tensor, error: Tensor, hidden: Tensor) -> Tensor:
        begun = super()._begun(pictures, error, hidden)
        if self.edges is None:
            return begun
        batch, _, height, width = pictures.shape
        grey = pictures.reshape(batch, _COUNT, 3, height, width).mean(dim=2)
        edges: Tensor = self.edges(_AMPLIFIED * sobel(grey))
        return begun + edges

    def _looked_around(self, features: Tensor, hidden: Tensor) -> Tensor:
        if self.attend is None:
            return features
        share: Tensor = avg_pool2d(hidden, hidden.shape[-1] // features.shape[-1])
        looked: Tensor = self.attend(features, share)
        return looked


class HoleAttention(nn.Module):
    """Places attend to all places; a residual that begins as nothing.

    Parameters
    ----------
    channels : int
        A multiple of four.
    sparse : bool
        Whether only places of which something is hidden ask. They are a third of a usual region.

    Attributes
    ----------
    gathers : bool
        Whether sparse attention leaves out what nobody asks; else that is computed and dropped, as export wants it.
    """

    def __init__(self, channels: int, *, sparse: bool = True) -> None:
        super().__init__()
        self.sparse, self.gathers = sparse, True
        self.ask, self.tell = nn.Linear(channels, channels), nn.Linear(channels, 2 * channels)
        self.answer = nn.Linear(channels, channels)
        silence(self.answer)

    def forward(self, features: Tensor, hidden: Tensor) -> Tensor:
        """(B, C, h, w) to the same; hidden (B, 1, h, w) is the share of each place."""
        places = features.flatten(2).transpose(1, 2)
        told = layer_norm(places, places.shape[-1:])
        asked = hidden.flatten(1) > ASKING
        if self.sparse and self.gathers:
            answers = torch.zeros_like(places)
            for number, ours in enumerate(asked):
                answers[number, ours] = self._answers(told[number : number + 1, ours], told[number : number + 1])[0]
        else:
            answers = self._answers(told, told) * (asked[..., None] if self.sparse else 1)
        result: Tensor = features + answers.transpose(1, 2).reshape(features.shape)
        return result

    def _answers(self, asking: Tensor, telling: Tensor) -> Tensor:
        query, key, value = (
            each.unflatten(-1, (_HEADS, -1)).transpose(1, 2)
            for each in (self.ask(asking), *self.tell(telling).chunk(2, dim=-1))
        )
        answer: Tensor = self.answer(scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))
        return answer


def deviation(error: Tensor) -> Tensor:
    """Standard deviations, 0 to 1 being the range of pictures, of :func:`vinpaint.refiner.evidence.levels`."""
    return torch.expm1(8 * error.float()).clamp(0.0, 255.0**2 / BOUND**2).sqrt() / 255
