"""Pictures of a training run, drawn with Pillow."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from edp_core.store import write_atomic

INK, GREY, GRID, LINE, PALE = "#1f2933", "#616e7c", "#e4e7eb", "#0b69a3", "#b3d4ea"
WIDTH, HEIGHT = 960, 540
LEFT, RIGHT, TOP, BOTTOM = 84, 28, 56, 72
TILE, GAP = 144, 6

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def _font(size: int) -> Font:
    return ImageFont.load_default(size=size)


def _save(picture: Image.Image, path: Path) -> None:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    write_atomic(path, buffer.getvalue())


def ticks(low: float, high: float, *, wanted: int = 6) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten) from below ``low`` to ``high``.

    >>> ticks(0.31, 0.92)
    [0.2, 0.4, 0.6, 0.8, 1.0]
    """
    span = max(high - low, 1e-9)
    rough = span / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(i * step, 10) for i in range(first, last + 1)]


def loss_picture(history: pd.DataFrame, path: Path) -> None:
    """Loss against epochs: each step pale, each epoch's mean dark.

    Parameters
    ----------
    history
        One row a step, with columns ``epoch`` (from 0), ``step`` and ``loss``.
    """
    steps = int(history["step"].max()) + 1
    at = (history["epoch"] + (history["step"] + 0.5) / steps).to_numpy()
    loss = history["loss"].to_numpy()
    means = history.groupby("epoch")["loss"].mean().to_numpy()
    # The first steps fall from far above; they may leave the frame.
    high = max(float(np.quantile(loss, 0.995)), float(means[1:].max(initial=0.0)))
    y_ticks = ticks(min(float(loss.min()), float(means.min())), high)
    x_ticks = [t for t in ticks(0, float(len(means))) if t == int(t)]
    x_end = max(x_ticks[-1], float(at[-1]))
    y_low, y_high = y_ticks[0], y_ticks[-1]

    picture = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(picture)

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * value / x_end

    def y(value: float) -> float:
        share = (min(value, y_high) - y_low) / (y_high - y_low)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    for tick in y_ticks:
        draw.line([(LEFT, y(tick)), (WIDTH - RIGHT, y(tick))], fill=GRID)
        draw.text((LEFT - 10, y(tick)), f"{tick:g}", GREY, font=_font(15), anchor="rm")
    for tick in x_ticks:
        draw.line([(x(tick), y(y_low)), (x(tick), y(y_low) + 5)], fill=GREY)
        place = (x(tick), y(y_low) + 10)
        draw.text(place, f"{tick:g}", GREY, font=_font(15), anchor="mt")
    draw.line([(LEFT, y(y_low)), (WIDTH - RIGHT, y(y_low))], fill=GREY)
    draw.line([(x(a), y(b)) for a, b in zip(at, loss, strict=True)], PALE, width=1)
    curve = [(x(epoch + 0.5), y(value)) for epoch, value in enumerate(means)]
    draw.line(curve, fill=LINE, width=3, joint="curve")
    for cx, cy in curve if len(curve) <= 40 else []:
        draw.ellipse([cx - 3, cy - 3, cx + 3, cy + 3], fill=LINE)
    title = "Mean squared error of the hidden patches"
    draw.text((LEFT, 18), title, INK, font=_font(18))
    last = f"last epoch {means[-1]:.3f}"
    draw.text((WIDTH - RIGHT, 20), last, LINE, font=_font(16), anchor="ra")
    middle = (LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 18)
    label = f"epoch ({steps} steps each; pale: single steps, dark: epoch means)"
    draw.text(middle, label, GREY, font=_font(15), anchor="mb")
    _save(picture, path)


def as_rgb(images: np.ndarray) -> np.ndarray:
    """Images of any number of channels as colours.

    One channel is shown grey; two as magenta and green, grey where they are equal; of
    three or more the first three as red, green and blue.
    """
    channels = images.shape[-1]
    order = {1: (0, 0, 0), 2: (0, 1, 0)}.get(channels, (0, 1, 2))
    return images[..., list(order)]


def rows_picture(rows: dict[str, np.ndarray], path: Path) -> None:
    """Images in labelled rows.

    Parameters
    ----------
    rows
        Label → images, shape (n, S, S, C), values 0–1; rows are equally long.
    """
    label_width = 130
    n = max(len(images) for images in rows.values())
    width = label_width + n * (TILE + GAP) + GAP
    picture = Image.new("RGB", (width, len(rows) * (TILE + GAP) + GAP), "white")
    draw = ImageDraw.Draw(picture)
    for number, (label, images) in enumerate(rows.items()):
        top = GAP + number * (TILE + GAP)
        place = (label_width - 10, top + TILE / 2)
        draw.text(place, label, INK, font=_font(15), anchor="rm")
        pixels = (as_rgb(images).clip(0, 1) * 255).round().astype(np.uint8)
        for column, image in enumerate(pixels):
            tile = Image.fromarray(image).resize((TILE, TILE), Image.Resampling.BICUBIC)
            picture.paste(tile, (label_width + column * (TILE + GAP), top))
    _save(picture, path)
