"""What every vision transformer here shares: widths, positions, pooling.

An embedding is read off one block's output tokens. The encoder's final LayerNorm is
applied to them first, whichever block it is, as timm's
``forward_intermediates(norm=True)`` does: the residual stream grows from block to
block, and the norm puts every image's tokens on one scale.
"""

from __future__ import annotations

from typing import Literal

import torch
from timm.layers.pos_embed_sincos import build_sincos2d_pos_embed
from torch import Tensor, nn

from edp_core.errors import InputError

Pooling = Literal["cls", "mean"]

WIDTHS: dict[str, tuple[int, int]] = {
    "tiny": (192, 3),
    "small": (384, 6),
    "base": (768, 12),
}
"""Size → (width of a token, attention heads); the MLP is four times as wide."""


def sincos_positions(grid: int, dim: int) -> Tensor:
    """Fixed positions of the CLS token and of a square grid of patches.

    Parameters
    ----------
    grid
        Patches along an edge.
    dim
        Width of a token, a multiple of 4.

    Returns
    -------
    Tensor
        Shape (1 + grid², dim). Row 0, the CLS token's, is zero. The others hold, for
        frequencies w = 10000^(−4k/dim), k = 0 … dim/4 − 1, the four quarters
        sin(w·row), sin(w·column), cos(w·row), cos(w·column).
    """
    patches = build_sincos2d_pos_embed([grid, grid], dim=dim)
    return torch.cat([torch.zeros(1, dim), patches])


def block_number(block: int, depth: int) -> int:
    """Index from 0 of the block a setting asks for; negative counts from the end.

    Raises
    ------
    InputError
        Where the encoder has no such block.
    """
    if not -depth <= block < depth:
        raise InputError(
            f"block = {block}, but the encoder has {depth} blocks",
            f"set block between {-depth} and {depth - 1} in [encoders.*]",
        )
    return block % depth


def pool(tokens: Tensor, *, prefix: int, pooling: Pooling) -> Tensor:
    """One vector for each image from a block's tokens.

    Parameters
    ----------
    tokens
        Shape (n_images, prefix + n_patches, width).
    prefix
        Tokens before the patches: CLS first, then registers.
    pooling
        ``cls`` takes the first token, ``mean`` the average of the patch tokens.

    Returns
    -------
    Tensor
        Shape (n_images, width).

    Raises
    ------
    InputError
        For ``cls`` where the encoder has no CLS token.
    """
    if pooling == "mean":
        return tokens[:, prefix:].mean(dim=1)
    if prefix == 0:
        raise InputError(
            "This encoder has no CLS token", 'set pooling = "mean" in [encoders.*]'
        )
    return tokens[:, 0]


def initialise(module: nn.Module) -> None:
    """Xavier-uniform weights, zero biases; a norm keeps its ones and zeros.

    A patch embedding counts as the linear layer it is, written as a convolution.
    """
    if isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.xavier_uniform_(module.weight.detach().flatten(1))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
