"""Embeddings: every image of an organ through an encoder, whole and undisturbed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from safetensors.torch import load_file
from torch import nn

from edp_core.errors import InputError, MissingArtifactError
from edp_core.settings.encoders import MaeEncoder, PretrainedEncoder
from precompute.encoders.augment import normalise, to_unit
from precompute.encoders.mae import MaskedAutoencoder
from precompute.encoders.pretrained import PretrainedViT, build
from precompute.shards import Stack, check_images
from precompute.train import Progress, Report


def load_encoder(encoder_dir: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network of an encoder artifact and its configuration.

    Raises
    ------
    MissingArtifactError
        Where a file is missing or damaged.
    """
    remedy = f"delete {encoder_dir} and run: python -m precompute run STUDY"
    try:
        config = json.loads((encoder_dir / "config.json").read_text())
        channels, size = config["channels"], config["image_size"]
        state = load_file(encoder_dir / "weights.safetensors")
        model: nn.Module
        if config["method"] == "mae":
            settings = MaeEncoder.model_validate(config["settings"])
            model = MaskedAutoencoder(settings, channels=channels, image_size=size)
            model.load_state_dict(state)
        else:
            name = config["settings"]["model"]
            vit = build(name, channels=channels, image_size=size)
            vit.load_state_dict(state)
            model = PretrainedViT(vit)
    except (
        OSError,
        ValueError,
        KeyError,
        RuntimeError,
        safetensors.SafetensorError,
    ) as error:
        raise MissingArtifactError(
            f"The encoder in {encoder_dir} is missing or damaged", remedy
        ) from error
    return model.eval(), config


def encode_images(
    images: Stack,
    encoder_dir: Path,
    settings: MaeEncoder | PretrainedEncoder,
    *,
    counts: np.ndarray | None = None,
    batch: int = 64,
    progress: Report | None = None,
) -> np.ndarray:
    """Vectors of images, the mean over the slices of each.

    Parameters
    ----------
    images
        Slices, shape (n_slices, H, H, C): uint8, or float16 in 0–1.
    encoder_dir
        Artifact written by `train_mae` or `prepare_pretrained`.
    settings
        Which block to read and how to pool; the rest comes from the artifact.
    counts
        (n_images,) how many slices each image has, in order; by default one each.
    batch
        Slices at once. The result is the same for every run with one batch size.

    Returns
    -------
    np.ndarray
        float32, shape (n_images, n_axes), no missing values.

    Raises
    ------
    MissingArtifactError
        The encoder is missing or damaged.
    InputError
        The images have another number of channels than the encoder was made for, the
        block does not exist, or the encoder gives numbers that are not finite.
    """
    check_images(images)
    model, config = load_encoder(encoder_dir)
    if images.shape[-1] != config["channels"]:
        raise InputError(
            f"The images have {images.shape[-1]} channels, the encoder was made for "
            f"{config['channels']}",
            "run train again after changing channels in [organs.*]",
        )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    embed: Any = model.to(device).embed
    lengths = np.ones(len(images), np.int64) if counts is None else counts
    image_of = np.repeat(np.arange(len(lengths)), lengths)
    sums = np.zeros((len(lengths), 0))
    start = time.monotonic()
    with torch.inference_mode():
        for first in range(0, len(images), batch):
            part = images[first : first + batch]
            unit = to_unit(part, size=config["image_size"], device=device)
            vectors = embed(
                normalise(unit, config["mean"], config["sd"]),
                block=settings.block,
                pooling=settings.pooling,
            )
            found = vectors.float().cpu().numpy()
            if not sums.shape[1]:
                sums = np.zeros((len(lengths), found.shape[1]))
            np.add.at(sums, image_of[first : first + batch], found)
            if progress is not None:
                done = first + len(part)
                rate = done / max(time.monotonic() - start, 1e-9)
                progress(Progress(done, len(images), rate, "encoding"))
    result = (sums / np.maximum(lengths, 1)[:, None]).astype(np.float32)
    if not np.isfinite(result).all():
        rows = int((~np.isfinite(result)).any(axis=1).sum())
        raise InputError(
            f"The encoder gives numbers that are not finite for {rows} of "
            f"{len(result)} images",
            "check its loss.png; lower base_lr in [encoders.*] and train again",
        )
    return result
