"""Training of a masked autoencoder on a study's images.

Every draw of chance comes from a generator seeded by (seed, epoch, step): a run that
was killed goes on from its last checkpoint and ends with the weights of an undisturbed
one, to the bit on a CPU with the same thread count.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import lightning_fabric
import numpy as np
import pandas as pd
import torch
from safetensors.torch import save

from edp_core.errors import ConvergenceError, InputError
from edp_core.settings.encoders import MaeEncoder
from edp_core.store import canonical_json, write_atomic, write_table
from precompute.checkpoint import (
    Checkpoint,
    History,
    load_checkpoint,
    save_checkpoint,
)
from precompute.encoders.augment import (
    augment,
    channel_moments,
    denormalise,
    normalise,
    to_unit,
)
from precompute.encoders.mae import MaskedAutoencoder, check_settings, sample_mask
from precompute.optimise import learning_rate, make_optimizer, random_numbers
from precompute.pictures import loss_picture, rows_picture
from precompute.shards import Stack, check_images

HISTORY = ("epoch", "step", "loss", "lr")
SHOWN = 6
"""Images in the picture of reconstructions."""


@dataclass(frozen=True)
class Progress:
    """How far a long step is: ``done`` of ``total`` images, images a second, a word."""

    done: int
    total: int
    rate_per_s: float
    note: str


Report = Callable[[Progress], None]
Precision = Literal["32-true", "bf16-mixed"]


def train_mae(
    images: Stack,
    settings: MaeEncoder,
    *,
    workspace: Path,
    out: Path,
    progress: Report | None = None,
    precision: Precision | None = None,
) -> None:
    """Train, or go on training, and write the encoder.

    Parameters
    ----------
    images
        Slices, shape (n_slices, H, H, C): uint8, or float16 in 0–1.
    workspace
        Folder of checkpoints; keep it until the artifact stands.
    out
        Folder that receives ``weights.safetensors``, ``config.json``, ``loss.parquet``,
        ``loss.png`` and ``reconstructions.png``. The last shows participants' images.
    progress
        Called after every step.
    precision
        By default float32 on a CPU and bfloat16 where it serves on a GPU. A CPU with
        bfloat16 instructions (avx512_bf16, amx) trains 1.3 to 2 times as fast with
        ``bf16-mixed``; one without them is slower.

    Raises
    ------
    InputError
        Fewer than two images, settings that make no network, or a damaged checkpoint
        with no good one before it.
    ConvergenceError
        The loss is no longer a finite number.
    """
    check_images(images)
    if len(images) < 2:
        raise InputError(
            f"Training needs at least 2 images, and there are {len(images)}",
            "check [organs.*] images and the exclusions of ingest",
        )
    size = settings.image_size or images.shape[1]
    check_settings(settings, size)
    if settings.warmup_epochs >= settings.epochs:
        raise InputError(
            f"warmup_epochs = {settings.warmup_epochs:g} leaves nothing of "
            f"epochs = {settings.epochs}",
            "set warmup_epochs below epochs in [encoders.*]",
        )
    run = _Run(images, settings, size=size, workspace=workspace, precision=precision)
    run.resume()
    run.train(progress)
    run.write(out)


class _Run:
    """One training run: network, optimizer, place reached, history."""

    def __init__(
        self,
        images: Stack,
        settings: MaeEncoder,
        *,
        size: int,
        workspace: Path,
        precision: Precision | None = None,
    ) -> None:
        self.images, self.settings, self.size = images, settings, size
        self.workspace = workspace
        self.mean, self.sd = channel_moments(images)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.model = MaskedAutoencoder(
                settings, channels=images.shape[-1], image_size=size
            )
        gpu = torch.cuda.is_available()
        self.fabric = lightning_fabric.Fabric(
            accelerator="cuda" if gpu else "cpu",
            devices=1,
            precision=precision or ("bf16-mixed" if gpu else "32-true"),
        )
        self.optimizer = make_optimizer(self.model, settings)
        self.wrapped, self.stepper = self.fabric.setup(self.model, self.optimizer)
        self.batch = min(settings.batch, len(images))
        self.steps = len(images) // self.batch
        self.done = 0  # steps, over all epochs
        self.history: History = []
        self.made_from = canonical_json(
            {
                # what the encoder's key leaves out may change between two tries
                "settings": settings.model_dump(
                    exclude={"checkpoint_minutes", "pooling", "block", "organs"}
                ),
                "images": list(images.shape),
                "mean": self.mean,
            }
        )

    # ---- the loop ----------------------------------------------------------------
    def train(self, progress: Report | None) -> None:
        """Take the steps that are left, with checkpoints on the way."""
        start = saved = time.monotonic()
        first, total = self.done, self.settings.epochs * self.steps
        order_of, order = -1, np.zeros(0, dtype=np.int64)
        while self.done < total:
            epoch, step = divmod(self.done, self.steps)
            if order_of != epoch:
                numbers = random_numbers(self.settings.seed, epoch)
                order = torch.randperm(len(self.images), generator=numbers).numpy()
                order_of = epoch
            chosen = np.sort(order[step * self.batch : (step + 1) * self.batch])
            loss = self._step(chosen, epoch=epoch, step=step)
            self.done += 1
            now = time.monotonic()
            first_epoch = self.done == self.steps < total
            if first_epoch or now - saved >= 60 * self.settings.checkpoint_minutes:
                self.save()
                saved = time.monotonic()
            if progress is not None:
                rate = (self.done - first) * self.batch / max(now - start, 1e-9)
                note = f"epoch {epoch + 1}/{self.settings.epochs}, loss {loss:.3f}"
                progress(
                    Progress(self.done * self.batch, total * self.batch, rate, note)
                )

    def _step(self, chosen: np.ndarray, *, epoch: int, step: int) -> float:
        settings, device = self.settings, self.fabric.device
        place = epoch + (step + 0.5) / self.steps
        lr = learning_rate(settings, epoch=place, batch=self.batch)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        numbers = random_numbers(settings.seed, epoch, step)
        batch = to_unit(self.images[chosen], size=self.size, device=device)
        batch = augment(batch, settings.augment, generator=numbers)
        mask = sample_mask(
            len(chosen),
            self.model.n_patches,
            ratio=settings.mask_ratio,
            generator=numbers,
        ).to(device)
        loss, _ = self.wrapped(normalise(batch, self.mean, self.sd), mask)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise ConvergenceError(
                f"The loss became {value} in epoch {epoch + 1}, step {step + 1}",
                f"lower base_lr (now {settings.base_lr:g}) in [encoders.*]",
            )
        self.stepper.zero_grad()
        self.fabric.backward(loss)
        self.stepper.step()
        self.history.append((epoch, step, value, lr))
        return value

    # ---- checkpoints -------------------------------------------------------------
    def save(self) -> None:
        """Write a checkpoint of the place reached."""
        save_checkpoint(
            self.workspace,
            Checkpoint(self.done, self.made_from, self.history),
            model=self.model,
            optimizer=self.optimizer,
        )

    def resume(self) -> None:
        """Go to the last good checkpoint, if there is any."""
        place = load_checkpoint(
            self.workspace,
            self.made_from,
            model=self.model,
            optimizer=self.optimizer,
        )
        if place is not None:
            self.done, self.history = place.done, place.history

    # ---- the result --------------------------------------------------------------
    def write(self, out: Path) -> None:
        """Write the encoder and the pictures of its training."""
        out.mkdir(parents=True, exist_ok=True)
        state = {
            k: v.detach().cpu().contiguous() for k, v in self.model.state_dict().items()
        }
        write_atomic(out / "weights.safetensors", save(state))
        config = {
            "method": "mae",
            "settings": self.settings.model_dump(),
            "channels": self.images.shape[-1],
            "image_size": self.size,
            "mean": self.mean,
            "sd": self.sd,
            "n_images": len(self.images),
            "versions": {name: version(name) for name in ("torch", "timm")},
        }
        write_atomic(out / "config.json", json.dumps(config, indent=1).encode())
        table = pd.DataFrame(self.history, columns=list(HISTORY))
        table = table.astype({"epoch": "int64", "step": "int64"})
        write_table(out, "loss", table)
        loss_picture(table, out / "loss.png")
        self._show(out / "reconstructions.png")

    @torch.no_grad()
    def _show(self, path: Path) -> None:
        """Draw images spread over the set: whole, masked, filled in."""
        chosen = np.unique(np.linspace(0, len(self.images) - 1, SHOWN).astype(int))
        device = self.fabric.device
        batch = to_unit(self.images[chosen], size=self.size, device=device)
        mask = sample_mask(
            len(chosen),
            self.model.n_patches,
            ratio=self.settings.mask_ratio,
            generator=random_numbers(self.settings.seed, self.settings.epochs),
        ).to(device)
        filled, hidden = self.model.reconstruct(
            normalise(batch, self.mean, self.sd), mask
        )
        filled = denormalise(filled, self.mean, self.sd)
        rows = {
            "image": batch,
            "masked": torch.where(hidden, 0.5, batch),
            "reconstruction": torch.where(hidden, filled, batch),
        }
        rows_picture(
            {k: v.cpu().numpy().transpose(0, 2, 3, 1) for k, v in rows.items()}, path
        )
