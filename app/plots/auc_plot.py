"""AUC–pval plot: every code of a scan, coloured by chapter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import altair as alt
import numpy as np
import pandas as pd

from app import chapters, vocabulary
from app.plots.charts import (
    CASE,
    CONTROL,
    HEIGHT,
    AltairChart,
    either,
    legend_columns,
    rule,
)

LABELLED = 10
"""Most codes that are named in the plot: those beyond the line, or the first three."""
WIDTH = 480
"""Plots are at least about this wide: labels apart here are apart in a wider one."""
MANY = 200
SENT = [
    "code", "name", "chapter", "subject", "n_cases", "n_controls", "auc", "auc_low",
    "auc_high", "baseline_auc", "log10p", "related",
]  # fmt: skip


def auc_plot(
    table: pd.DataFrame,
    code: str | None,
    *,
    n_tested: int,
    baseline: str = "",
    related: tuple[str, ...] = (),
) -> AltairChart:
    """AUC–pval plot; a click picks the code, a ring marks the chosen one.

    Parameters
    ----------
    table
        A disclosed scan, or the part of one that is looked at; rows without an AUC
        are not drawn.
    n_tested
        Codes of the vocabulary that were tested: what Bonferroni's line divides by.
    baseline
        What the baseline AUC is of, in words; empty where there is none.
    related
        Subjects of the organ's own chapters: drawn larger (`chapters.of_organ`).
    """
    known = table.dropna(subset=["auc", "log10p"])
    subjects = known["chapter"].map(chapters.subject)
    shown = known.assign(
        subject=[s.name for s in subjects],
        related=[s.name in related for s in subjects],
    )[SENT]
    # as floats: what is hidden is missing, and counts travel as numbers
    shown = shown.astype({"n_cases": float, "n_controls": float})
    low = min(0.45, float(shown["auc"].min()) - 0.02) if len(shown) else 0.4
    threshold = -np.log10(0.05 / max(n_tested, 1))
    high = 1.08 * max(threshold, float(shown["log10p"].max()) if len(shown) else 0)
    scale = alt.Scale(domain=[low, 1.0])
    base = alt.Chart(shown).encode(
        x=alt.X("auc:Q", title="AUC, out of fold", scale=scale),
        y=alt.Y(
            "log10p:Q",
            title="−log₁₀ p (Wilcoxon, √2-corrected)",
            scale=alt.Scale(domain=[0, high], nice=False),
        ),
    )
    ring = base.transform_filter(alt.datum.code == (code or "")).mark_point(
        size=320, strokeWidth=2.5, color=CASE, filled=False
    )
    lines = rule(y=threshold, dash=[2, 3]) + rule(x=0.5, dash=[6, 4], scale=scale)
    points = _points(base, sorted(set(subjects), key=_order), baseline)
    clear = int((shown["log10p"] > threshold).sum())
    labels = place(shown, code, ends=(low, high), most=min(max(clear, 3), LABELLED))
    rows = -(-shown["subject"].nunique() // 4)  # the legend must not eat the plot
    return alt.layer(lines, points, ring, *_texts(labels, base)).properties(
        height=HEIGHT + 22 * rows
    )


def _order(subject: chapters.Subject) -> tuple[int, str]:
    known = list(chapters.SUBJECTS)
    return known.index(subject.name) if subject.name in known else 99, subject.name


def _points(
    base: alt.Chart, subjects: list[chapters.Subject], baseline: str
) -> alt.Chart:
    pick = alt.selection_point(name="pick", fields=["code"], on="click", empty=False)
    legend = alt.selection_point(name="chapter", fields=["subject"], bind="legend")
    domain = [s.name for s in subjects]
    # one chapter needs no legend: the table of the study is named above the plot
    key = (
        None
        if len(domain) < 2
        else alt.Legend(
            orient="bottom",
            columns=legend_columns(4, 120),
            labelLimit=150,
            symbolOpacity=1,
            symbolSize=90,
            titleLimit=400,
        )
    )
    title = "Chapter; click one to see its codes alone"
    many = len(base.data) > MANY
    tooltip = [
        alt.Tooltip("code:N", title="Code"),
        alt.Tooltip("name:N", title="Name"),
        alt.Tooltip("chapter:N", title="Chapter"),
        alt.Tooltip("n_cases:Q", title="Cases", format=","),
        alt.Tooltip("n_controls:Q", title="Controls", format=","),
        alt.Tooltip("auc:Q", title="AUC", format=".3f"),
        alt.Tooltip("auc_low:Q", title="95 % from", format=".3f"),
        alt.Tooltip("auc_high:Q", title="to", format=".3f"),
        alt.Tooltip("log10p:Q", title="−log₁₀ p", format=".2f"),
    ]
    if baseline:
        title_of_it = f"AUC of {baseline}"
        tooltip.append(alt.Tooltip("baseline_auc:Q", title=title_of_it, format=".3f"))
    return (
        base.mark_point(filled=True, strokeWidth=0)
        .encode(
            color=alt.Color(
                "subject:N",
                title=title,
                scale=alt.Scale(domain=domain, range=[s.colour for s in subjects]),
                legend=key,
            ),
            shape=alt.Shape(
                "subject:N",
                title=title,
                scale=alt.Scale(domain=domain, range=[s.sign for s in subjects]),
                legend=key,
            ),
            size=alt.Size(
                "related:N",
                legend=None,
                scale=alt.Scale(
                    domain=[True, False], range=[130, 45] if many else [170, 90]
                ),
            ),
            opacity=either(alt.OpacityValue, legend, yes=0.85, no=0.06),
            tooltip=tooltip,
        )
        .add_params(pick, legend)
    )


# ---- labels ----------------------------------------------------------------------
@dataclass(frozen=True)
class Side:
    """Where a label stands beside its point, in pixels."""

    align: Literal["left", "center", "right"]
    baseline: Literal["top", "middle", "bottom"]
    dx: int
    dy: int

    def box(self, x: float, y: float, width: float) -> tuple[float, ...]:
        """Left, right, bottom and top of a label (y upwards)."""
        left = x + self.dx - {"left": 0.0, "center": width / 2, "right": width}[
            self.align
        ]  # fmt: skip
        bottom = y - self.dy - {"bottom": 0.0, "middle": 7.0, "top": 14.0}[
            self.baseline
        ]  # fmt: skip
        return left, left + width, bottom, bottom + 14.0


SIDES = (
    Side("center", "bottom", 0, -10),
    Side("left", "middle", 12, 0),
    Side("right", "middle", -12, 0),
    Side("center", "top", 0, 11),
)


def place(
    shown: pd.DataFrame, code: str | None, *, ends: tuple[float, float], most: int
) -> pd.DataFrame:
    """Labels of the chosen and of the strongest codes, none over another.

    Parameters
    ----------
    shown
        ``code, auc, log10p`` of every point.
    ends
        Least AUC and largest −log₁₀ p of the axes.
    most
        How many of the strongest.

    Returns
    -------
    pandas.DataFrame
        ``label, auc, log10p, chosen`` and ``side``, a place in `SIDES`.
    """
    low, high = ends
    strong = shown[shown["auc"] >= 0.5].nlargest(most, "log10p")
    order = pd.concat([shown[shown["code"] == code], strong]).drop_duplicates("code")
    x = (shown["auc"].to_numpy(float) - low) / (1 - low) * WIDTH
    y = shown["log10p"].to_numpy(float) / max(high, 1e-9) * HEIGHT
    taken: list[tuple[float, ...]] = []
    rows = []
    aucs, powers = (order[name].astype(float).tolist() for name in ("auc", "log10p"))
    for own, auc, log10p in zip(order["code"], aucs, powers, strict=True):
        at = (auc - low) / (1 - low) * WIDTH
        up = log10p / max(high, 1e-9) * HEIGHT
        text = vocabulary.short(own)
        boxes = [side.box(at, up, 7.0 * len(text)) for side in SIDES]
        free = [
            i
            for i, box in enumerate(boxes)
            if not any(_meet(box, other) for other in taken)
            and not _covered(box, x, y)
            and (box[1] <= WIDTH and box[3] <= HEIGHT)
        ]
        chosen = own == code
        if not free and not chosen:
            continue
        side = free[0] if free else 0
        taken.append(boxes[side])
        rows.append((text, auc, log10p, chosen, side))
    return pd.DataFrame(rows, columns=["label", "auc", "log10p", "chosen", "side"])


def _meet(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return (
        one[0] < other[1] and other[0] < one[1] and one[2] < other[3]
        and other[2] < one[3]
    )  # fmt: skip


def _covered(box: tuple[float, ...], x: np.ndarray, y: np.ndarray) -> bool:
    radius = 6.0
    inside = (x > box[0] - radius) & (x < box[1] + radius)
    inside &= (y > box[2] - radius) & (y < box[3] + radius)
    return bool(inside.any())


def _texts(labels: pd.DataFrame, base: alt.Chart) -> list[alt.Chart]:
    layers = []
    kinds = zip(labels["side"].tolist(), labels["chosen"].tolist(), strict=True)
    for side, chosen in sorted(set(kinds)):
        rows = labels[(labels["side"] == side) & (labels["chosen"] == chosen)]
        at = SIDES[side]
        layers.append(
            alt.Chart(rows[["label", "auc", "log10p"]])
            .mark_text(
                align=at.align,
                baseline=at.baseline,
                # the ring of the chosen one takes more room
                dx=at.dx * (1.5 if chosen else 1),
                dy=at.dy * (1.5 if chosen else 1),
                fontSize=12 if chosen else 11,
                fontWeight="bold" if chosen else "normal",
                color=CASE if chosen else CONTROL,
            )
            .encode(x=base.encoding.x, y=base.encoding.y, text=alt.Text("label:N"))
        )
    return layers
