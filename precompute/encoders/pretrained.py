"""Published vision transformers of timm, used as they are.

Images of other than three channels are adapted as timm does: for one channel the
patch filter's three colour slices are summed; for others they are repeated in turn and
scaled by 3 / channels. Means and standard deviations follow the same order. Images of
another size than the model was trained on keep their size: its position embedding is
interpolated once, when the weights are prepared.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import safetensors
import timm
import torch
from safetensors.torch import load_file, save
from timm.models import adapt_input_conv, eva, vision_transformer
from torch import Tensor, nn

from edp_core.errors import InputError
from edp_core.settings.encoders import PretrainedEncoder
from edp_core.store import write_atomic
from precompute.encoders.vit import Pooling, block_number, pool

FILTERS: dict[type[nn.Module], Callable[..., dict[str, Tensor]]] = {
    vision_transformer.VisionTransformer: vision_transformer.checkpoint_filter_fn,
    eva.Eva: eva.checkpoint_filter_fn,
}
"""Families that can be read block by block → their reader of published files."""


class PretrainedViT(nn.Module):
    """A timm model whose blocks can be read.

    Parameters
    ----------
    vit
        A `VisionTransformer` or `Eva` without a classifier.
    """

    def __init__(self, vit: nn.Module) -> None:
        super().__init__()
        self.vit: Any = vit

    def embed(self, images: Tensor, *, block: int, pooling: Pooling) -> Tensor:
        """Vectors of normalised images (B, C, H, W): a block's tokens, pooled (B, D).

        The model's final norm is applied to the tokens first, as for our own encoders.
        """
        number = block_number(block, len(self.vit.blocks))
        found = self.vit.forward_intermediates(
            images,
            indices=[number],
            return_prefix_tokens=True,
            norm=True,
            stop_early=True,
            output_fmt="NLC",
            intermediates_only=True,
        )
        prefix = self.vit.num_prefix_tokens
        if prefix:
            patches, first = found[0]  # (B, L, D), (B, prefix, D)
            tokens = torch.cat([first, patches], dim=1)
        else:
            tokens = found[0]
        return pool(tokens, prefix=prefix, pooling=pooling)


def build(
    name: str, *, channels: int, image_size: int, from_hub: bool = False
) -> nn.Module:
    """A timm vision transformer, with random weights or the hub's.

    Raises
    ------
    InputError
        The name is unknown or no vision transformer, the image size does not fit its
        patches, or the hub cannot be reached.
    """
    if name.split(".")[0] not in timm.list_models():
        near = difflib.get_close_matches(name, timm.list_models(pretrained=True), n=3)
        raise InputError(
            f"timm has no model {name!r}",
            f"set model in [encoders.*]; near are {', '.join(near) or 'none'}",
        )
    try:
        model: nn.Module = timm.create_model(
            name,
            pretrained=from_hub,
            num_classes=0,
            in_chans=channels,
            img_size=image_size,
        )
    except TypeError as error:  # a family without an image size
        raise _no_transformer(name) from error
    except (OSError, RuntimeError, ValueError) as error:
        if not from_hub:
            raise
        raise InputError(
            f"The weights of {name} cannot be had from the hub: {type(error).__name__}",
            'download them elsewhere and set weights = "file.safetensors" in '
            "[encoders.*]",
        ) from error
    if type(model) not in FILTERS:
        raise _no_transformer(name)
    return model


def _no_transformer(name: str) -> InputError:
    return InputError(
        f"{name} is no vision transformer whose blocks can be read",
        "set model to a vit_, deit or eva model in [encoders.*]",
    )


def load_local(model: nn.Module, path: Path) -> None:
    """Fill a timm model from a published safetensors file, adapting size and channels.

    Raises
    ------
    InputError
        The file is absent, no safetensors, damaged, or of another model: not one weight
        may be left at its random start.
    """
    remedy = "give the safetensors file of this very model as weights in [encoders.*]"
    if path.suffix != ".safetensors" or not path.is_file():
        raise InputError(f"There are no safetensors weights at {path}", remedy)
    try:
        published = load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(f"{path} is damaged: {error}", remedy) from error
    own = model.state_dict()
    try:
        state = FILTERS[type(model)](published, model)
        stem = "patch_embed.proj.weight"
        if stem in state and state[stem].shape[1] != own[stem].shape[1]:
            state[stem] = adapt_input_conv(own[stem].shape[1], state[stem])
        missing = sorted(set(own) - set(state))
        if missing:
            raise InputError(
                f"{path} is of another model: {len(missing)} of {len(own)} tensors are "
                f"not in it, the first {missing[0]}",
                remedy,
            )
        model.load_state_dict({k: state[k] for k in own})
    except (RuntimeError, KeyError) as error:
        raise InputError(
            f"{path} is of another model: {str(error).splitlines()[-1].strip()}", remedy
        ) from error


def prepare_pretrained(
    settings: PretrainedEncoder,
    *,
    channels: int,
    image_size: int,
    out: Path,
    weights: Path | None = None,
) -> None:
    """Write a published model, adapted to an organ's images, as an encoder artifact.

    Parameters
    ----------
    settings
        Which model; its ``image_size`` goes before the organ's.
    channels, image_size
        Of the organ's stored images.
    out
        Folder that receives ``weights.safetensors`` and ``config.json``.
    weights
        ``settings.weights`` as a path of the file system; None asks the hub.

    Raises
    ------
    InputError
        As in `build` and `load_local`.
    """
    size = settings.image_size or image_size
    plain: Any = build(settings.model, channels=channels, image_size=size)
    patch = plain.patch_embed.patch_size[0]
    if size % patch:
        raise InputError(
            f"Images of {size} pixels cannot be cut into patches of {patch}, which "
            f"{settings.model} needs",
            f"set image_size = {max(1, round(size / patch)) * patch} in [encoders.*]",
        )
    block_number(settings.block, len(plain.blocks))
    if weights is None:
        model: Any = build(
            settings.model, channels=channels, image_size=size, from_hub=True
        )
    else:
        model = plain
        load_local(model, weights)
    published = model.pretrained_cfg
    mean = _in_channels(published["mean"], channels)
    sd = _in_channels(published["std"], channels)
    out.mkdir(parents=True, exist_ok=True)
    state = {k: v.contiguous() for k, v in model.state_dict().items()}
    write_atomic(out / "weights.safetensors", save(state))
    config = {
        "method": "pretrained",
        "settings": settings.model_dump(),
        "channels": channels,
        "image_size": size,
        "mean": mean,
        "sd": sd,
        "n_images": None,
        "versions": {name: version(name) for name in ("torch", "timm")},
    }
    write_atomic(out / "config.json", json.dumps(config, indent=1).encode())


def _in_channels(rgb: tuple[float, ...], channels: int) -> list[float]:
    """Published values (0–1) for each of our channels, in grey values."""
    if channels == 1:
        return [255 * sum(rgb) / len(rgb)]
    return [255 * rgb[c % len(rgb)] for c in range(channels)]
