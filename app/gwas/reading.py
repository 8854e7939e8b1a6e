"""Reading results on the screen: which files, under which name, and how far it is."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pandas as pd
import streamlit as st

from app import data, errors, routes, toasts
from app.gwas import data as gwas_data
from app.gwas.files import FOLDER, Group, groups, suggested
from app.gwas.jobs import Job, Task, jobs
from edp_core.errors import InputError
from edp_core.gwas.genome import BUILDS
from edp_core.gwas.results_store import check_name, remove_gwas

PROGRAMS = "regenie, plink2, BOLT-LMM, SAIGE, GWAS-SSF, or common column names"
COLUMNS = {
    "read": st.column_config.CheckboxColumn("Read", width="small"),
    "name": st.column_config.TextColumn(
        "Name here", help="Letters, digits, _ . -", required=True, max_chars=100
    ),
    "files": st.column_config.TextColumn("Where", width="large"),
    "count": st.column_config.NumberColumn("Files", width="small"),
    "size": st.column_config.NumberColumn("MB", format="%.1f", width="small"),
}


def section(*, opened: bool) -> None:
    """Offer to read results, and show what is being read."""
    with st.expander("Read results", expanded=opened, icon=":material/download:"):
        build, n, trait = _how()
        folder, upload = st.tabs(["From the study's folder", "Upload"])
        # what is wrong with these files does not hide the results that are there
        with folder, errors.shown():
            _from_folder(build, n, trait)
        with upload, errors.shown():
            _uploaded(build, n, trait)
    _progress()


def _how() -> tuple[str, int | None, str | None]:
    """Build, number of people and trait, for files that do not tell them."""
    genotypes = data.study().genotypes
    known = BUILDS.index(genotypes.build) if genotypes is not None else 0
    with st.container(horizontal=True, vertical_alignment="bottom"):
        build = st.selectbox(
            "Genome build",
            BUILDS,
            index=known,
            width=180,
            help="Where the positions of the file are. A file of the other build is "
            "refused where its positions tell.",
        )
        n = st.number_input(
            "N, where the file has none",
            min_value=1,
            value=None,
            step=1,
            width=220,
            help="People tested; BOLT-LMM does not write it. Left empty it is taken "
            "from the file.",
        )
        trait = st.text_input(
            "Trait, where a file holds several",
            width=260,
            help="regenie without --split has columns for every trait: name one.",
        )
    return build, n, trait.strip() or None


def mend() -> None:
    """Results that are damaged, and the way to be rid of them."""
    for name, message in gwas_data.damaged().items():
        st.warning(f"**{name}** cannot be read. {message}", icon=":material/warning:")
        if st.button(f"Remove {name}, to read it again", key=f"mend_{name}"):
            remove_gwas(data.store(), name)
            st.rerun()


def nothing_yet() -> None:
    """How results get here, where there is none."""
    st.subheader("No result has come home yet", anchor=False)
    one, two, three = st.columns(3, gap="large")
    one.markdown(
        "**1. Export** a phenotype. The export holds `run_regenie.sh`, which runs both "
        "steps of regenie over all its phenotypes."
    )
    with one:
        routes.link("export", "Export phenotypes")
    two.markdown(
        "**2. Run it** where the genotypes are: a server, a cluster, or the Research "
        "Analysis Platform. Results of other programs are read as well: "
        f"{PROGRAMS}."
    )
    three.markdown(
        f"**3. Bring the files here**: into `{FOLDER}/` of the study's folder, or by "
        "uploading them, both above. Or on the command line:"
    )
    place = os.environ.get(data.STUDY_VARIABLE, "STUDY")
    command = f".venv/bin/python -m precompute gwas-results {place} NAME FILE…"
    three.code(command, language="bash", wrap_lines=True)


# ---- where from ------------------------------------------------------------------
def _from_folder(build: str, n: int | None, trait: str | None) -> None:
    study = data.study()
    found = groups(study)
    if not found:
        st.markdown(
            f"There is no result file in `{FOLDER}/` of the study's folder, nor in "
            f"`{FOLDER}/` of an export. Put the files there — plain or gzip, one for "
            "each chromosome or one for all — and they are listed here."
        )
        st.button("Look again", icon=":material/refresh:", key="look_again")
        return
    table = _listed(found)
    edited = st.data_editor(
        table,
        hide_index=True,
        key=f"found_{len(gwas_data.names())}_{len(found)}_{int(table['read'].sum())}",
        column_config=COLUMNS,
        column_order=["read", "name", "files", "count", "size"],
        disabled=["files", "count", "size"],
    )
    chosen = edited[edited["read"].fillna(False).astype(bool)]
    few = "1 result" if len(chosen) == 1 else f"{len(chosen)} results"
    if st.button(
        f"Read {few}" if len(chosen) else "Read",
        type="primary",
        disabled=chosen.empty,
        icon=":material/play_arrow:",
    ):
        wanted = [str(name).strip() for name in chosen["name"]]
        _check(wanted)
        for row, name in zip(chosen.index, wanted, strict=True):
            _submit(found[row].files, name, build=build, n=n, trait=trait)
        st.rerun()


def _listed(found: list[Group]) -> pd.DataFrame:
    """Results that lie there, with names for them; those still to read are ticked."""
    held = {name: gwas_data.result(name).summary for name in gwas_data.names()}
    already = {tuple(summary["files"]) for summary in held.values()}
    read = [job.task for job in jobs().of(_study()) if job.state != "refused"]
    now = {task.files for task in read}
    traits, taken = list(gwas_data.specs()), [*held]
    rows = []
    for group in found:
        name = suggested(group.shown, traits=traits, taken=taken)
        taken.append(name)
        known = tuple(file.name for file in group.files) in already
        known |= tuple(map(str, group.files)) in now
        rows.append((not known, name, group.shown, len(group.files), group.n_bytes))
    table = pd.DataFrame(rows, columns=["read", "name", "files", "count", "size"])
    return table.assign(size=table["size"] / 1e6)


def _uploaded(build: str, n: int | None, trait: str | None) -> None:
    most = st.get_option("server.maxUploadSize")
    given = st.file_uploader(
        "Result files of one run",
        accept_multiple_files=True,
        key="result_files",
        help=f"{PROGRAMS}; plain or gzip; one for each chromosome or one for all. Up "
        f"to {most} MB each: put larger ones into {FOLDER}/ of the study's folder.",
    )
    if not given:
        return
    names = [file.name for file in given]
    guess = suggested(names[0], traits=list(gwas_data.specs()), taken=gwas_data.names())
    name = st.text_input("Name here", value=guess, key=f"name_{names[0]}").strip()
    if st.button("Read it", type="primary", icon=":material/play_arrow:"):
        _check([name])
        folder = Path(tempfile.mkdtemp(prefix="upload-", dir=_incoming()))
        try:
            for file in given:
                (folder / Path(file.name).name).write_bytes(file.getbuffer())
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise InputError(
                "The upload could not be written beside the store",
                "look whether the disk is full, or put the files into the study's "
                "folder",
            ) from error
        files = tuple(sorted(folder.iterdir()))
        _submit(files, name, build=build, n=n, trait=trait, uploaded=str(folder))
        st.rerun()


def _incoming() -> Path:
    """Where uploads wait to be read; the store's own, so that nobody else reads it."""
    folder = data.study().store_path / "unfinished"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _check(names: list[str]) -> None:
    for name in names:
        check_name(name)
    if len(set(names)) < len(names):
        raise InputError("Two results have one name", "give each a name of its own")
    busy = {job.task.name for job in jobs().of(_study()) if job.state != "refused"}
    if reading := sorted(set(names) & busy):
        raise InputError(
            f"{', '.join(reading)} is being read or waits to be",
            "wait for it, or give another name",
        )
    twice = sorted(set(names) & set(gwas_data.names()))
    if twice:
        raise InputError(
            f"There is a result called {', '.join(twice)} already",
            "give another name, or remove that one first",
        )


def _submit(
    files: tuple[Path, ...],
    name: str,
    *,
    build: str,
    n: int | None,
    trait: str | None,
    uploaded: str | None = None,
) -> None:
    jobs().submit(
        Task(
            _study(),
            name,
            build,
            tuple(map(str, files)),
            trait=trait,
            n=n,
            traits=tuple(gwas_data.specs()),
            uploaded=uploaded,
        )
    )


def _study() -> str:
    return str(data.study().folder.resolve())


# ---- how far ---------------------------------------------------------------------
def _progress() -> None:
    if jobs().of(_study()):
        _watch()


@st.fragment(run_every=2.0)
def _watch() -> None:
    """Readings that run, wait or failed; the page is drawn anew when one is done."""
    held = jobs().of(_study())
    shown = tuple(gwas_data.names())
    before = st.session_state.setdefault("_gwas_names", shown)
    for name in sorted(set(shown) - set(before)):
        toasts.after(f"{name} is read.", ":material/check:")
    if before != shown or not held:
        st.session_state["_gwas_names"] = shown
        st.rerun()
    waiting = [job for job in held if job.state == "waits"]
    for number, job in enumerate(job for job in held if job.state != "waits"):
        _one(job, number)
    if waiting:
        with st.container(horizontal=True, vertical_alignment="center"):
            names = ", ".join(job.task.name for job in waiting[:6])
            more = f" and {len(waiting) - 6} more" if len(waiting) > 6 else ""
            st.caption(f":material/hourglass_empty: Waiting: {names}{more}")
            if st.button("Do not read them", type="tertiary", key="drop_waiting"):
                for job in waiting:
                    jobs().drop(job)
                st.rerun()


def _one(job: Job, number: int) -> None:
    with st.container(border=True):
        if job.error is not None:
            message, hint = job.error
            st.error(f"**{job.task.name}**: {message}", icon=":material/error:")
            st.markdown(f"**What to do:** {hint}. Nothing of it was kept.")
            label = "Dismiss"
        else:
            last = job.share >= 1
            said = "sorting, finding loci" if last else f"{job.share:.0%} read"
            st.progress(min(job.share, 1.0), f"Reading **{job.task.name}**: {said}")
            label = "Stop"
        if st.button(label, key=f"drop_{number}_{job.task.name}", type="tertiary"):
            jobs().drop(job)
            st.rerun()
