"""A masked autoencoder for 2-D images, after He et al. 2022 (arXiv:2111.06377).

Three quarters of an image's patches are hidden. The encoder, a vision transformer,
sees a CLS token and the visible patches only; a small decoder gets mask tokens in the
places of the hidden ones and predicts their pixels. After training the decoder is put
aside and the encoder reads whole images.

In the shapes below B is the batch, C the channels, P the patch edge, L the patches of
an image, K those visible, D and E the widths of encoder and decoder.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from timm.layers.norm import LayerNorm
from timm.layers.patch_embed import PatchEmbed
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from edp_core.errors import InputError
from edp_core.settings.encoders import MaeEncoder
from precompute.encoders.vit import (
    WIDTHS,
    Pooling,
    block_number,
    initialise,
    pool,
    sincos_positions,
)

VARIANCE_FLOOR = 1e-6
"""Added to a patch's variance before dividing by its root."""


class Mask(NamedTuple):
    """Which patches of each image are seen.

    ``visible`` (B, K) are patch numbers in the order the encoder gets them;
    ``restore`` (B, L) gives each patch's place in the list visible-then-hidden;
    ``hidden`` (B, L) is True where the loss looks.
    """

    visible: Tensor
    restore: Tensor
    hidden: Tensor

    def to(self, device: torch.device) -> Mask:
        """The same mask on another device."""
        return Mask(*(part.to(device) for part in self))


def sample_mask(
    n_images: int, n_patches: int, *, ratio: float, generator: torch.Generator
) -> Mask:
    """Hide patches at random, the same number in every image.

    ``int(n_patches * (1 - ratio))`` stay visible; each set of that size is as likely
    as any other. The generator lives on the CPU, so devices draw alike.
    """
    visible = int(n_patches * (1 - ratio))
    noise = torch.rand(n_images, n_patches, generator=generator)
    order = noise.argsort(dim=1)
    restore = order.argsort(dim=1)
    return Mask(order[:, :visible], restore, restore >= visible)


def to_patches(images: Tensor, patch: int) -> Tensor:
    """Cut (B, C, H, W) into (B, L, P·P·C), row by row; channels vary fastest."""
    b, c, h, w = images.shape
    blocks = images.reshape(b, c, h // patch, patch, w // patch, patch)
    # (B, C, rows, P, columns, P) → (B, rows, columns, P, P, C)
    return blocks.permute(0, 2, 4, 3, 5, 1).reshape(b, -1, patch * patch * c)


def from_patches(patches: Tensor, patch: int) -> Tensor:
    """Put (B, L, P·P·C) of square images together again: (B, C, H, W)."""
    b, length, values = patches.shape
    grid = round(length**0.5)
    c = values // patch**2
    blocks = patches.reshape(b, grid, grid, patch, patch, c)
    # (B, rows, columns, P, P, C) → (B, C, rows, P, columns, P)
    return blocks.permute(0, 5, 1, 3, 2, 4).reshape(b, c, grid * patch, grid * patch)


def patch_moments(patches: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each patch's values, each (B, L, 1)."""
    variance = patches.var(dim=-1, keepdim=True)
    return patches.mean(dim=-1, keepdim=True), (variance + VARIANCE_FLOOR).sqrt()


def masked_loss(predictions: Tensor, targets: Tensor, hidden: Tensor) -> Tensor:
    """Mean squared error of a value, over hidden patches only; a scalar."""
    error = (predictions - targets).square().mean(dim=-1)  # (B, L)
    return (error * hidden).sum() / hidden.sum()


def check_settings(settings: MaeEncoder, image_size: int) -> None:
    """Raise `InputError`, naming the setting, where a network cannot be built."""
    if image_size % settings.patch_pixels:
        fits = [p for p in range(2, 65) if image_size % p == 0]
        raise InputError(
            f"Images of {image_size} pixels cannot be cut into patches of "
            f"{settings.patch_pixels}",
            f"set patch to one of {fits}, or image_size to a multiple of "
            f"{settings.patch_pixels}, in [encoders.*]",
        )
    patches = (image_size // settings.patch_pixels) ** 2
    visible = int(patches * (1 - settings.mask_ratio))
    if not 0 < visible < patches:
        raise InputError(
            f"mask_ratio = {settings.mask_ratio} leaves {visible} of {patches} patches "
            "visible",
            "change mask_ratio, or make patch smaller, in [encoders.*]",
        )
    if settings.decoder_dim % settings.decoder_heads:
        raise InputError(
            f"decoder_dim = {settings.decoder_dim} is not a multiple of "
            f"decoder_heads = {settings.decoder_heads}",
            "change one of them in [encoders.*]",
        )
    block_number(settings.block, settings.depth)


class MaskedAutoencoder(nn.Module):
    """Encoder and decoder.

    Parameters
    ----------
    settings
        Sizes of the network and of the mask.
    channels, image_size
        Of the images the network sees; they are square.
    """

    def __init__(self, settings: MaeEncoder, *, channels: int, image_size: int) -> None:
        super().__init__()
        check_settings(settings, image_size)
        self.patch = settings.patch_pixels
        self.norm_pix = settings.norm_pix
        self.mask_ratio = settings.mask_ratio
        dim, heads = WIDTHS[settings.size]
        grid = image_size // settings.patch_pixels
        self.n_patches = grid**2
        block = partial(Block, mlp_ratio=4.0, qkv_bias=True)

        self.patch_embed = PatchEmbed(image_size, settings.patch_pixels, channels, dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.blocks = nn.ModuleList(block(dim, heads) for _ in range(settings.depth))
        self.norm = LayerNorm(dim)

        width = settings.decoder_dim
        self.decoder_embed = nn.Linear(dim, width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.decoder_blocks = nn.ModuleList(
            block(width, settings.decoder_heads) for _ in range(settings.decoder_depth)
        )
        self.decoder_norm = LayerNorm(width)
        self.decoder_pixels = nn.Linear(width, settings.patch_pixels**2 * channels)

        self.positions: Tensor
        self.decoder_positions: Tensor
        for name, d in (("positions", dim), ("decoder_positions", width)):
            self.register_buffer(name, sincos_positions(grid, d), persistent=False)

        self.apply(initialise)
        nn.init.normal_(self.cls_token, std=0.02)
        nn.init.normal_(self.mask_token, std=0.02)

    def tokens(self, images: Tensor, visible: Tensor | None = None) -> Tensor:
        """CLS and patch tokens before the first block.

        Parameters
        ----------
        images
            Normalised, shape (B, C, H, W).
        visible
            Patch numbers to keep, shape (B, K); None keeps all in order.

        Returns
        -------
        Tensor
            Shape (B, 1 + K, D).
        """
        patches = self.patch_embed(images)  # (B, L, D)
        patches = patches + self.positions[1:]  # (B, L, D)
        if visible is not None:
            index = visible.unsqueeze(-1).expand(-1, -1, patches.shape[-1])
            patches = patches.gather(1, index)  # (B, K, D)
        cls = self.cls_token + self.positions[:1]  # (1, 1, D)
        return torch.cat([cls.expand(len(images), -1, -1), patches], dim=1)

    def encode(self, images: Tensor, visible: Tensor) -> Tensor:
        """Encoder output for CLS and visible patches, shape (B, 1 + K, D)."""
        tokens = self.tokens(images, visible)  # (B, 1 + K, D)
        for block in self.blocks:
            tokens = block(tokens)
        normed: Tensor = self.norm(tokens)
        return normed

    def decode(self, tokens: Tensor, restore: Tensor) -> Tensor:
        """Predicted values of every patch, shape (B, L, P·P·C)."""
        tokens = self.decoder_embed(tokens)  # (B, 1 + K, E)
        cls, seen = tokens[:, :1], tokens[:, 1:]
        b, length = restore.shape
        missing = self.mask_token.to(tokens.dtype).expand(b, length - seen.shape[1], -1)
        index = restore.unsqueeze(-1).expand(-1, -1, tokens.shape[-1])
        patches = torch.cat([seen, missing], dim=1).gather(1, index)  # (B, L, E)
        tokens = torch.cat([cls, patches], dim=1)  # (B, 1 + L, E)
        tokens = tokens + self.decoder_positions
        for block in self.decoder_blocks:
            tokens = block(tokens)
        pixels: Tensor = self.decoder_pixels(self.decoder_norm(tokens)[:, 1:])
        return pixels

    def targets(self, images: Tensor) -> Tensor:
        """What the decoder should say, shape (B, L, P·P·C).

        With ``norm_pix`` each patch has its own mean taken off and is divided by the
        root of its variance + 1e-6.
        """
        patches = to_patches(images, self.patch)
        if self.norm_pix:
            mean, sd = patch_moments(patches)
            patches = (patches - mean) / sd
        return patches

    def forward(self, images: Tensor, mask: Mask) -> tuple[Tensor, Tensor]:
        """Loss, a scalar, and predictions (B, L, P·P·C), both float32."""
        encoded = self.encode(images, mask.visible)
        predictions = self.decode(encoded, mask.restore).float()
        loss = masked_loss(predictions, self.targets(images.float()), mask.hidden)
        return loss, predictions

    def reconstruct(self, images: Tensor, mask: Mask) -> tuple[Tensor, Tensor]:
        """Predicted images (B, C, H, W) and which of their pixels were hidden.

        With ``norm_pix`` a prediction is scaled back by the mean and standard deviation
        of the patch it stands for, which the network never saw: the picture shows
        texture and shape; a patch's brightness is given.
        """
        _, predictions = self(images, mask)  # (B, L, P·P·C)
        if self.norm_pix:
            mean, sd = patch_moments(to_patches(images, self.patch))
            predictions = predictions * sd + mean
        hidden = mask.hidden.unsqueeze(-1).expand_as(predictions)
        return from_patches(predictions, self.patch), from_patches(hidden, self.patch)

    def embed(
        self,
        images: Tensor,
        *,
        block: int,
        pooling: Pooling,
        visible: Tensor | None = None,
    ) -> Tensor:
        """Vectors of images (B, D): a block's tokens, normed and pooled.

        Of whole images, or of the patches ``visible`` (B, K) alone: those left out
        take no part, as in training, and are not in the mean either.
        """
        tokens = self.tokens(images, visible)  # (B, 1 + K, D)
        for layer in self.blocks[: block_number(block, len(self.blocks)) + 1]:
            tokens = layer(tokens)
        return pool(self.norm(tokens), prefix=1, pooling=pooling)
