"""A loss by what a network for recognition sees."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from vinpaint.errors import DependencyError

BACKBONE = "vgg16-397923af.pth"
"""File of torchvision's VGG-16, in the folder ``checkpoints`` of torch's hub."""


class Perceptual(nn.Module):
    """LPIPS with VGG-16, by torchmetrics.

    R. Zhang, P. Isola, A. A. Efros, E. Shechtman, O. Wang, The unreasonable effectiveness of deep features as a
    perceptual metric, CVPR 2018. The backbone's weights come with no package and are never fetched from here.

    Raises
    ------
    DependencyError
        If torchmetrics, torchvision or the weights are missing.
    """

    def __init__(self) -> None:
        super().__init__()
        path = Path(torch.hub.get_dir()) / "checkpoints" / BACKBONE
        if not path.is_file():
            raise DependencyError(
                f"the perceptual loss needs the weights {path}; put torchvision's {BACKBONE} there, or train "
                "without it (--no-lpips)"
            )
        try:
            from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

            self._metric = LearnedPerceptualImagePatchSimilarity(net_type="vgg", normalize=True)
        except (ImportError, RuntimeError) as error:
            raise DependencyError(
                f"the perceptual loss needs torchmetrics and torchvision ({error}); pip install 'vinpaint[lpips]', or "
                "train without it (--no-lpips)"
            ) from error
        self.requires_grad_(False)

    def forward(self, result: Tensor, truth: Tensor) -> Tensor:
        """Mean distance of pictures.

        Parameters
        ----------
        result, truth : (B, 3, H, W)
            RGB, 0 to 1; at least 32 pixels on each side.

        Returns
        -------
        () tensor
            0 for equal pictures; about 0.5 for unrelated ones.
        """
        distance: Tensor = self._metric(result.clamp(0, 1), truth)
        self._metric.reset()
        return distance
