"""The optimizer of a training run, its learning rate, and its draws of chance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn

from edp_core.settings.encoders import MaeEncoder


def random_numbers(seed: int, *position: int) -> torch.Generator:
    """A generator of its own for each place in a training run."""
    sequence = np.random.SeedSequence(seed, spawn_key=position)
    state = sequence.generate_state(2, np.uint32)
    generator = torch.Generator()
    generator.manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)
    return generator


def learning_rate(settings: MaeEncoder, *, epoch: float, batch: int) -> float:
    """Rate at a point of training given in epochs: linear warm-up, then half a cosine.

    The peak is ``base_lr * batch / 256``.
    """
    peak = settings.base_lr * batch / 256
    if epoch < settings.warmup_epochs:
        return peak * epoch / settings.warmup_epochs
    left = settings.epochs - settings.warmup_epochs
    return (
        peak * 0.5 * (1 + math.cos(math.pi * (epoch - settings.warmup_epochs) / left))
    )


def make_optimizer(model: nn.Module, settings: MaeEncoder) -> torch.optim.AdamW:
    """AdamW (0.9, 0.95); biases, norms and the two learnt tokens do not decay."""
    plain = [
        p
        for name, p in model.named_parameters()
        if p.ndim == 1 or name.endswith("_token")
    ]
    alone = {id(p) for p in plain}
    rest = [p for p in model.parameters() if id(p) not in alone]
    groups: list[dict[str, Any]] = [
        {"params": rest, "weight_decay": settings.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.base_lr, betas=(0.9, 0.95), fused=True)
