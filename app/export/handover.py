"""The pieces of the screen Export: cards, checking, writing, downloading."""

from __future__ import annotations

import hashlib
import json
import re

import pandas as pd
import streamlit as st

from app import data, figures, vocabulary, widgets
from app.basket import Basket
from app.export import halving, undo
from edp_core.checkout import render_study
from edp_core.errors import InputError
from edp_core.export import card, delivery
from edp_core.export.halves import Halving
from edp_core.export.runs import MOST_LISTED
from edp_core.phenotype import SPEC, Spec
from edp_core.store import file_digest
from edp_core.withdrawals import withdrawal_lists

USER = "local"
"""Who the audit log names while there is no sign-in."""


def open_card(basket: Basket) -> None:
    """Take a phenotype card back into the basket."""
    with st.expander("Open a phenotype card", icon=":material/upload_file:"):
        given = st.file_uploader(
            "Card (.json) of an earlier export",
            type=["json"],
            key="card",
            help="Its recipe joins the basket and gives the same files again, as long "
            "as the study's data and settings are those it was made with.",
        )
        if given is not None and st.button("Add to basket", key="add_card"):
            spec = card.read(given.getvalue())
            split = card.read_halving(given.getvalue())
            undo.did("added", [basket.add(spec)], spec.name)
            halving.take_from_card(split)
            st.toast(f"{spec.name} is in the basket.", icon=":material/check:")


def sample_file() -> str | None:
    """Text of a sample file the user gives, to check the overlap of ids."""
    given = st.file_uploader(
        "Sample file of the genotypes (.fam, .psam or .sample), optional",
        type=["fam", "psam", "sample"],
        help="Its ids are compared with the export's; it is not kept. With it, FID is "
        "taken from it; without it FID = IID = eid.",
    )
    if given is None:
        return None
    try:
        return given.getvalue().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            "The sample file is not text", "give a .fam, .psam or .sample"
        ) from error


def render(
    specs: list[Spec], genotypes: str | None, split: Halving | None = None
) -> dict[str, bytes]:
    """Files of the export; remembered until anything they are made of changes."""
    recipes = tuple(SPEC.dump_json(spec).decode() for spec in specs)
    keys = tuple(sorted(data.store().refs().items()))
    how = None if split is None else (split.model_dump_json(), halving.table())
    return _render(
        recipes, genotypes, how, keys, data.study().model_dump_json(), _withdrawn()
    )


def _withdrawn() -> tuple[tuple[str, str], ...]:
    """Content of every population's list of the withdrawn: each counts at every export.

    Consent is withdrawn from the study, whichever population names the list.
    """
    return tuple(
        (str(path), file_digest(path) if path.is_file() else "")
        for path in withdrawal_lists(data.study())
    )


@st.cache_resource(show_spinner="Rendering the files …", max_entries=2)
def _render(
    recipes: tuple[str, ...],
    genotypes: str | None,
    how: tuple[str, str | None] | None,
    *_keys: object,
) -> dict[str, bytes]:
    specs = [SPEC.validate_json(recipe) for recipe in recipes]
    return render_study(
        data.study(),
        data.store(),
        specs,
        genotypes=genotypes,
        halving=None if how is None else Halving.model_validate_json(how[0]),
        relatives=None if how is None else halving.relatives(),
    )


def report(files: dict[str, bytes]) -> None:
    """What the files hold, and what was noticed."""
    content = json.loads(files["report.json"])
    st.markdown(
        f"**{_shown(content['participants'])} participants**, "
        f"phenotypes: {len(content['phenotypes'])}, "
        f"covariates: {', '.join(content['covariates']['columns']) or 'none'}."
    )
    halving.told(files)
    for reason, count in content["dropped"].items():
        st.caption(f"Left out: {reason}: {count}")
    for note in content["notes"]:
        st.info(note, icon=":material/info:")


def _shown(count: int | str) -> int | str:
    return figures.people(count) if isinstance(count, int) else count


KINDS = {
    "README": "what is in this folder",
    "discovery": "ids of the half for discovery",
    "replication": "ids of the half for replication",
    "cards/": "phenotype card: the recipe; gives the same files again",
    "covariates": "covariates for regenie",
    "keep": "ids for regenie's --keep",
    "methods": "methods paragraph",
    "phenotypes_qt": "quantitative phenotypes for regenie",
    "phenotypes_bt": "binary phenotypes for regenie",
    "report": "counts and notes",
    "run_regenie": "script for both steps of regenie",
}


def _what(name: str) -> str:
    return next((text for start, text in KINDS.items() if name.startswith(start)), "")


def preview(files: dict[str, bytes]) -> None:
    """List the files; show those that hold no id."""
    names = list(files)
    cards = [name for name in names if name.startswith("cards/")]
    if len(cards) > MOST_LISTED:
        others = [name for name in names if name not in set(cards)]
        names = sorted([*others, f"cards/ ({len(cards)} files)"])
    # no sizes: bytes divided by the length of a row are a number of people
    listed = pd.DataFrame({"file": names, "what": [_what(name) for name in names]})
    st.dataframe(
        listed,
        hide_index=True,
        column_config={
            "file": st.column_config.TextColumn("File", width="large"),
            "what": st.column_config.TextColumn("What it is", width="large"),
        },
    )
    people = _shown(json.loads(files["report.json"])["participants"])
    widgets.table_download(listed, "files-of-the-export", settings=f"N = {people}")
    script, methods, summary = st.tabs(["Script", "Methods paragraph", "Report"])
    script.code(files["run_regenie.sh"].decode(), language="bash", height=320)
    called = data.study().name
    said = files["methods.md"].decode().replace(called, vocabulary.plain(called))
    methods.markdown(re.sub("(?m)^#", "####", said))
    summary.json(json.loads(files["report.json"]), expanded=1)


def write(files: dict[str, bytes]) -> str:
    """Write to the study's export folder, with a line in the audit log."""
    study = data.study()
    joined = b"".join(files[name] for name in sorted(files))
    name = f"export-{hashlib.sha256(joined).hexdigest()[:12]}"
    folder = study.path(study.disclosure.export_dir) / name
    delivery.audit(study.store_path / "audit.log", USER, "folder", files=files)
    delivery.write_folder(files, folder)
    return f"Written to {study.disclosure.export_dir}/{name}"


def download(files: dict[str, bytes]) -> None:
    """Offer the zip; the audit line is written before the first byte leaves."""
    log = data.study().store_path / "audit.log"

    def content() -> bytes:
        delivery.audit(log, USER, "download", files=files)
        return delivery.zip_bytes(files)

    st.download_button(
        "Download zip",
        content,
        "edp-studio-export.zip",
        "application/zip",
        on_click="ignore",
        icon=":material/download:",
    )
