"""Writes the demo study: simulated people, pictures and codes, and files that err.

Nothing in it was measured on anybody. The folder holds raw files only, as a real
study's would, so every step from ingest on runs as it does on real data. A few files
and rows are wrong on purpose (`BLEMISHES`); the steps must find and count them. The
folder `truth/` says what was simulated; no step and no screen reads it.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from edp_core.errors import InputError
from edp_core.simulate.factors import (
    Factors,
    simulate_diagnoses,
    simulate_disease,
    simulate_factors,
    stream,
)
from edp_core.simulate.images import render_livers
from edp_core.study import load_study

DEMO_VERSION = 2
"""Raise it when the same parameters no longer give the same files."""
IMAGE_SIZE = 96
MIN_PARTICIPANTS = 50
BLEMISHES = {
    "no image": 6,
    "blank image": 2,
    "image file cut short": 3,
    "row repeated": 2,
    "diagnosis that is no code": 1,
}
"""What is wrong → how many listed participants it befalls, no one twice."""
STRANGERS = 5
"""People with an image who are not in the participants table."""
STRANGE_DIAGNOSES = 4
"""Rows of the diagnoses table that are about people who are not listed."""

COLUMNS = {
    "sex": "p31",
    "age_years": "p21003_i2",
    "bmi": "p21001_i2",
    "height_cm": "p12144_i2",
    "weight_kg": "p21002_i2",
    "centre": "p54_i2",
    "array": "array",
    **{f"pc{axis}": f"p22009_a{axis}" for axis in range(1, 11)},
}
"""Our name → the column of the file, named as UK Biobank's platform names it."""

STUDY = """\
name = "Demo: simulated livers"
description = "{description}"
simulated = true

[participants]
table = "participants.csv"
eid = "eid"
categories = ["sex", "centre", "array"]

[participants.columns]
{columns}

[diagnoses]
table = "diagnoses.csv"
eid = "eid"
code = "icd10"

[organs.liver]
images = "images/{{eid}}_20201_{{instance}}_0.npy"
channels = 2
channel_names = ["fat", "water"]
image_size = {image_size}
crop = "none"

[encoders.mae]
method = "mae"
size = "tiny"
patch = 12
depth = 6
decoder_dim = 128
decoder_depth = 2
decoder_heads = 4
epochs = 35
warmup_epochs = 2
batch = 32
base_lr = 8e-3
augment = "organ"
# a phantom's brightness is its fat, which patches normalised one by one would lose
norm_pix = false
pooling = "mean"

[analysis]

[disclosure]
threshold = 5
images = true
downloads = true
"""

DESCRIPTION = (
    "Simulated: no measurement of any person is in it. {participants} invented people, "
    "2-D liver phantoms in two channels, and ICD-10 codes that follow from the same "
    "hidden volume, fat, fibrosis and lesions; fatty liver and cirrhosis are coded in "
    "part of the cases only. Wrong on purpose, for the steps to find: {blemishes}."
)

Progress = Callable[[int, int], None]


def write_demo(
    folder: Path,
    *,
    participants: int = 600,
    seed: int = 0,
    progress: Progress | None = None,
) -> None:
    """Write the demo study, whole or not at all.

    A folder that already holds the demo with the same parameters is left as it is,
    its store included.

    Parameters
    ----------
    folder
        New or empty; its parents are made.
    participants
        People in the participants table, at least 50.
    progress
        Called with the number of images written and of all images.

    Raises
    ------
    InputError
        Where the folder holds something else, or too few participants are asked for.
    """
    made_of = {"demo_version": DEMO_VERSION, "participants": participants, "seed": seed}
    if _holds(folder, made_of):
        return
    if participants < MIN_PARTICIPANTS:
        raise InputError(
            f"A demo of {participants} participants is too small",
            f"ask for {MIN_PARTICIPANTS} or more; 600 is the default",
        )
    target = folder.resolve()
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        (partial / "images").mkdir(parents=True)
        (partial / "truth").mkdir()
        _fill(partial, participants=participants, seed=seed, progress=progress)
        (partial / "demo.json").write_text(json.dumps(made_of) + "\n", encoding="utf-8")
        load_study(partial)
        if target.exists():
            target.rmdir()
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _holds(folder: Path, made_of: dict[str, int]) -> bool:
    """Whether the demo is there; an error where the folder holds something else."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    try:
        there = json.loads((folder / "demo.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        there = None
    if there == made_of:
        return True
    if isinstance(there, dict) and "demo_version" in there:
        said = ", ".join(f"{name} {value}" for name, value in there.items())
        raise InputError(
            f"{folder} holds a demo made otherwise: {said}",
            "give another folder, or delete that one",
        )
    raise InputError(
        f"{folder} holds something else than the demo study",
        "give a folder that is new or empty",
    )


def _fill(
    folder: Path, *, participants: int, seed: int, progress: Progress | None
) -> None:
    everyone = simulate_factors(participants + STRANGERS, seed=seed)
    listed = Factors(
        everyone.participants[:participants], everyone.latent[:participants]
    )
    blemish = _blemishes(participants, seed)
    _write_tables(folder, listed, blemish=blemish, seed=seed, everyone=everyone)
    faults = np.append(blemish, [""] * STRANGERS)
    rows = np.flatnonzero(faults != "no image")
    eids = everyone.participants["eid"].to_numpy(str)
    done = 0
    for chunk in np.array_split(rows, max(1, len(rows) // 50)):
        pictures = render_livers(
            everyone, seed=seed, size=IMAGE_SIZE, rows=chunk.tolist()
        )
        for row, picture in zip(chunk, pictures, strict=True):
            content = io.BytesIO()
            blank = faults[row] == "blank image"
            np.save(content, picture * (not blank), allow_pickle=False)
            data = content.getvalue()
            if faults[row] == "image file cut short":
                data = data[: int(0.6 * len(data))]
            (folder / "images" / f"{eids[row]}_20201_2_0.npy").write_bytes(data)
        done += len(chunk)
        if progress is not None:
            progress(done, len(rows))


def _blemishes(participants: int, seed: int) -> np.ndarray:
    """(participants,) what is wrong with each one's data, empty for most."""
    faults = np.repeat(list(BLEMISHES), list(BLEMISHES.values()))
    blemish = np.full(participants, "", dtype=faults.dtype)
    order = stream(seed, "blemishes").permutation(participants)
    blemish[order[: len(faults)]] = faults
    return blemish


def _write_tables(
    folder: Path, listed: Factors, *, blemish: np.ndarray, seed: int, everyone: Factors
) -> None:
    table = listed.participants.replace({"sex": {"F": "Female", "M": "Male"}})
    table = pd.concat([table, table[blemish == "row repeated"]])
    table.rename(columns=COLUMNS).to_csv(folder / "participants.csv", index=False)

    uncoded = listed.participants["eid"][blemish == "diagnosis that is no code"]
    strangers = everyone.participants["eid"][len(blemish) :][:STRANGE_DIAGNOSES]
    diagnoses = pd.concat(
        [
            simulate_diagnoses(listed, seed=seed),
            pd.DataFrame({"eid": uncoded, "icd10": "UNKNOWN"}),
            pd.DataFrame({"eid": strangers, "icd10": "I10"}),
        ]
    )
    diagnoses = diagnoses.sort_values(["eid", "icd10"])
    diagnoses.to_csv(folder / "diagnoses.csv", index=False)

    truth = listed.latent.merge(simulate_disease(listed, seed=seed), on="eid")
    truth.assign(blemish=blemish).to_parquet(folder / "truth" / "truth.parquet")

    # their numbers are small counts, which no screen may show
    wrong = [
        *BLEMISHES,
        "image of somebody who is not listed",
        "diagnosis of somebody who is not listed",
    ]
    study = STUDY.format(
        description=DESCRIPTION.format(
            participants=len(blemish), blemishes=", ".join(wrong)
        ),
        columns="\n".join(f'{ours} = "{theirs}"' for ours, theirs in COLUMNS.items()),
        image_size=IMAGE_SIZE,
    )
    (folder / "study.toml").write_text(study, encoding="utf-8")
