"""Checkpoints of a training run: one safetensors file, written whole or not at all.

Tensors hold the weights, the optimizer's state and the loss history; the metadata say
how many steps are done, of which recipe, and what the tensors' bytes hash to. The file
before the last is kept, for the case that the last is damaged.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from edp_core.errors import InputError
from edp_core.refused import writing
from edp_core.store import write_atomic

LAST, BEFORE = "checkpoint.safetensors", "checkpoint-before.safetensors"

History = list[tuple[float, float, float, float]]
"""Of each step: epoch, step, loss, learning rate."""


@dataclass(frozen=True)
class Checkpoint:
    """A place in a training run: ``done`` steps, of the recipe ``made_from``."""

    done: int
    made_from: str
    history: History


def save_checkpoint(
    folder: Path,
    place: Checkpoint,
    *,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
) -> None:
    """Write a checkpoint; the last one becomes the one before.

    Raises
    ------
    InputError
        Where the disk is full or the store read-only; the one before is whole.
    """
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state[parameter].items():
            tensors[f"optimizer.{key}.{name}"] = value
    tensors["history"] = torch.tensor(place.history, dtype=torch.float64)
    tensors = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    about = {
        "done": str(place.done),
        "made_from": place.made_from,
        "sha256": _digest(tensors),
    }
    last = folder / LAST
    with writing(last):
        folder.mkdir(parents=True, exist_ok=True)
        for half in folder.glob(f".{LAST}.*.partial"):
            half.unlink()  # left by a killed run; as large as the checkpoint itself
        if last.exists():
            last.replace(folder / BEFORE)
    write_atomic(last, save(tensors, metadata=about))


def load_checkpoint(
    folder: Path,
    made_from: str,
    *,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
) -> Checkpoint | None:
    """Put the last good checkpoint's state into model and optimizer.

    Returns
    -------
    Checkpoint or None
        The place reached; None where no run was begun.

    Raises
    ------
    InputError
        Where there are checkpoints and none is whole, or it has another recipe. A
        damaged last one with a good one before it is a warning.
    """
    damaged = []
    for name in (LAST, BEFORE):
        path = folder / name
        if not path.is_file():
            continue
        found = _read(path)
        if found is None:
            damaged.append(path)
            continue
        if damaged:
            warnings.warn(
                f"{damaged[0]} is damaged; training goes on from {name}", stacklevel=2
            )
        tensors, about = found
        if about["made_from"] != made_from:
            raise InputError(
                f"The checkpoint {path} is of other settings or images",
                f"delete {folder} to start this training again",
            )
        _restore(tensors, model=model, optimizer=optimizer)
        history = [(e, s, loss, lr) for e, s, loss, lr in tensors["history"].tolist()]
        return Checkpoint(int(about["done"]), made_from, history)
    if damaged:
        raise InputError(
            f"The training checkpoint {damaged[0]} is damaged",
            f"delete {folder} to start this training again",
        )
    return None


def _restore(
    tensors: dict[str, Tensor], *, model: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    prefix = "model."
    model.load_state_dict(
        {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    )
    for name, parameter in model.named_parameters():
        optimizer.state[parameter] = {
            key: tensors[f"optimizer.{key}.{name}"].to(parameter.device)
            for key in ("step", "exp_avg", "exp_avg_sq")
        }


def _digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]] | None:
    """Tensors and metadata, or None where the file is cut or has other bytes."""
    try:
        tensors = load_file(path)
        with safetensors.safe_open(path, framework="pt") as handle:
            about = handle.metadata() or {}
    except (safetensors.SafetensorError, OSError):
        return None
    return (tensors, about) if about.get("sha256") == _digest(tensors) else None
