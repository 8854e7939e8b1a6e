"""The basket as a table: a line for each phenotype, or for a family of axes."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from app import widgets
from app.basket import Basket, Entry
from app.export import undo
from edp_core.export.runs import MOST_LISTED, listed
from edp_core.keys import digest
from edp_core.recipe import (
    BOTH,
    AxisSpec,
    ClassifierSpec,
    ClusterSpec,
    CodeSpec,
    GroupSpec,
    IslandSpec,
    Spec,
    families,
    span_of,
)


@dataclass(frozen=True)
class Line:
    """What is ticked and removed at once; several entries are axes made alike."""

    entries: tuple[Entry, ...]

    @property
    def name(self) -> str:
        """Of the phenotype; of a family the ends and how many."""
        return listed([entry.spec.name for entry in self.entries])

    @property
    def first(self) -> Spec:
        """The recipe, for a family that of its first member."""
        return self.entries[0].spec


def lines_of(entries: list[Entry]) -> list[Line]:
    """Lines of the basket in the order of their first entry; few axes stay apart."""
    found: list[Line] = []
    for family in families([entry.spec for entry in entries]):
        members = [entries[at] for at in family]
        if len(members) > MOST_LISTED:
            found.append(Line(tuple(sorted(members, key=_number))))
        else:
            found += [Line((member,)) for member in members]
    return sorted(found, key=lambda line: min(entry.id for entry in line.entries))


def choose(basket: Basket, entries: list[Entry]) -> list[Spec]:
    """Show the basket; the recipes that are ticked."""
    lines = lines_of(entries)
    table = pd.DataFrame(
        {
            "export": True,
            "name": [line.name for line in lines],
            "phenotypes": [len(line.entries) for line in lines],
            "method": [line.first.method for line in lines],
            "of": [_of(line) for line in lines],
            "regressed out": [_removed(line.first) for line in lines],
            "labels": [_labels(line.first) for line in lines],
            "scored": [getattr(line.first, "score", "") for line in lines],
            "transform": [_transform(line.first) for line in lines],
            "added": [line.entries[-1].added for line in lines],
        }
    )
    edited = st.data_editor(
        table,
        hide_index=True,
        key=f"basket_{digest([entry.id for entry in entries])}",
        disabled=[name for name in table.columns if name != "export"],
        column_config={
            "export": st.column_config.CheckboxColumn("Export"),
            "name": "Name",
            "phenotypes": st.column_config.NumberColumn(
                "Phenotypes",
                help=f"More than {MOST_LISTED} axes or components made alike stand in "
                "one line and are exported, or removed, together.",
            ),
            "method": "Method",
            "of": "Of",
            "regressed out": "Regressed out",
            "labels": "Labels",
            "scored": st.column_config.TextColumn(
                "Scored", help="Who scores whom, of a classifier."
            ),
            "transform": "Transform",
            "added": st.column_config.DatetimeColumn("Added", format="distance"),
        },
    )
    widgets.table_download(
        table.drop(columns="export"),
        "basket",
        settings="recipes; N of each stands in the report of an export",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by_name = {line.name: line for line in lines}
        name = st.selectbox("Remove from the basket", list(by_name), index=None)
        if st.button("Remove", icon=":material/delete:", disabled=not name) and name:
            _take_out(basket, [entry.id for entry in by_name[name].entries], name)
        if st.button("Clear the basket", icon=":material/delete_sweep:", key="clear"):
            everything = [entry.id for entry in entries]
            named = f"{len(entries)} phenotypes" if len(entries) > 1 else lines[0].name
            _take_out(basket, everything, named)
    ticked = edited["export"].to_numpy(bool)
    return [
        entry.spec
        for line, on in zip(lines, ticked, strict=True)
        if on
        for entry in line.entries
    ]


def _take_out(basket: Basket, entries: list[int], name: str) -> None:
    basket.remove(*entries)
    undo.did("removed", entries, name)
    undo.say("removed", name, len(entries))
    st.rerun()


def undo_button(basket: Basket) -> None:
    """Offer to undo what was done last with the basket, a family whole."""
    undo.button(basket)


def _number(entry: Entry) -> int:
    return entry.spec.axis if isinstance(entry.spec, AxisSpec) else 0


def _of(line: Line) -> str:
    spec = line.first
    if isinstance(spec, ClusterSpec):
        numbers = ", ".join(map(str, (spec.cluster, *spec.also)))
        return f"{spec.organ} · {spec.trait} · cluster {numbers}"
    if isinstance(spec, IslandSpec):
        return f"{spec.organ} · {spec.trait} · island {spec.island}"
    if isinstance(spec, GroupSpec):
        return " · ".join([spec.organ, *([spec.trait] if spec.trait else []), "group"])
    if isinstance(spec, ClassifierSpec):
        return f"{spec.organ} · {spec.trait}"
    if isinstance(spec, AxisSpec):
        side = [] if spec.side == BOTH else [spec.side]
        return " · ".join([spec.organ, _axes(spec, line), *side])
    return spec.trait if isinstance(spec, CodeSpec) else spec.column


def _axes(spec: AxisSpec, line: Line) -> str:
    numbers = span_of([_number(entry) for entry in line.entries])
    if spec.of == "pc":
        return f"PC{numbers}"
    return f"axis {numbers}" if len(line.entries) == 1 else f"axes {numbers}"


def _removed(spec: Spec) -> str:
    pcs = [f"PC{number}" for number in getattr(spec, "remove_pcs", ())]
    return ", ".join([*pcs, *getattr(spec, "remove_covariates", ())])


def _labels(spec: Spec) -> str:
    labels = getattr(spec, "labels", None)
    return f"{labels.share:.0%}" if labels is not None else ""


def _transform(spec: Spec) -> str:
    made = getattr(spec, "transform", "none")
    return "" if made == "none" else made
