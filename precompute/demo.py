"""Writes the demo study: simulated people, pictures and codes, and files that err.

Nothing in it was measured on anybody. The folder holds raw files only, as a real
study's would, so every step from ingest on runs as it does on real data. A few files
and rows are wrong on purpose (`BLEMISHES`); the steps must find and count them. The
folder `truth/` says what was simulated; no step and no screen reads it.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np

from edp_core.errors import InputError
from edp_core.simulate.chance import stream
from edp_core.simulate.factors import Factors, simulate_factors
from edp_core.simulate.volumes import FIRST_IMAGING, LABELS
from edp_core.study import load_study
from precompute import demo_genotypes, demo_images, demo_tables, demo_vectors
from precompute.demo_faults import STRANGERS, blemishes
from precompute.demo_genotypes import write_genotypes
from precompute.demo_images import Progress, write_images
from precompute.demo_tables import COLUMNS, write_tables

DEMO_VERSION = 6
"""Raise it when the same parameters no longer give the same files."""
MIN_PARTICIPANTS = 50
BLEMISHES = {**demo_images.FAULTS, **demo_tables.FAULTS, **demo_genotypes.FAULTS}
"""What is wrong → how many listed participants it befalls, no one twice."""
REPEATED_SHARE = 0.05
"""Participants with a second imaging; those with a blemish have none."""

STUDY = """\
name = "Demo: simulated liver and kidneys"
description = "{description}"
simulated = true

[participants]
table = "participants.csv"
eid = "eid"
categories = ["sex", "centre", "array"]

[participants.columns]
{columns}

[diagnoses]
table = "hospital.csv.gz"
phecodes = "phecodes.csv"

[traits.medications]
table = "medications.csv"

[populations.everyone]
withdrawals = "withdrawn.txt"

[organs.liver]
preset = "liver"
images = "images/{{eid}}_20201_{{instance}}_0/{{channel}}.nii.gz"
mask = "images/{{eid}}_20201_{{instance}}_0/mask.nii.gz"
labels = ["liver"]
label_names = "labels.json"
# small and coarse, so that the demo is quick; mm are kept, so size can be seen
image_size = 48
patch = 8
slices = 8
spacing_mm = [4.5, 4.5, 8.0]
fit = "field"

[organs.kidney]
preset = "kidneys"
images = "images/{{eid}}_20201_{{instance}}_0/{{channel}}.nii.gz"
mask = "images/{{eid}}_20201_{{instance}}_0/mask.nii.gz"
labels = ["kidney_{{side}}"]
label_names = "labels.json"
sides = {{left = "left", right = "right"}}
mirror = ["right"]
image_size = 32
patch = 8
axis = "coronal"
slices = 4
spacing_mm = 4.5
fit = "field"
quality = {{mask_min_voxels = 100}}

[encoders.mae]
method = "mae"
size = "tiny"
depth = 6
decoder_dim = 128
decoder_depth = 2
decoder_heads = 4
epochs = 6
warmup_epochs = 1
batch = 64
base_lr = 4e-3
augment = "organ"
# a phantom's brightness is its fat, which patches normalised one by one would lose
norm_pix = false
pooling = "mean"

[analysis]

{genotypes}
[disclosure]
threshold = 5
images = true
downloads = true
"""

DESCRIPTION = (
    "Simulated: no measurement of any person is in it. About {participants} invented "
    "people, coarse Dixon volumes (fat and water) with masks of liver and kidneys, "
    "and ICD-10 codes that follow from the same hidden organ volumes, fat, fibrosis, "
    "lesions, scars and cysts; most diseases are coded in part of the cases only. "
    "Of about 20,000 genotyped variants a few move liver fat, kidneys or the density "
    "of bone, which shows in every picture and means no disease. "
    "Wrong on purpose, for the steps to find: {blemishes}."
)


def write_demo(
    folder: Path,
    *,
    participants: int = 600,
    seed: int = 0,
    vectors_only: bool = False,
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
    vectors_only
        Write embeddings in place of images, so that many participants cost little.
    progress
        Called with the number of images (or vectors) written and of all.

    Raises
    ------
    InputError
        Where the folder holds something else, or too few participants are asked for.
    """
    made_of = {"demo_version": DEMO_VERSION, "participants": participants, "seed": seed}
    if vectors_only:
        made_of["vectors_only"] = demo_vectors.VERSION
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
        (partial / "truth").mkdir(parents=True)
        fill = demo_vectors.fill if vectors_only else _fill
        fill(partial, participants=participants, seed=seed, progress=progress)
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
    faults = blemishes(BLEMISHES, participants, seed=seed)
    write_tables(
        folder,
        listed,
        faults=faults,
        strangers=everyone.participants["eid"][participants:],
        seed=seed,
    )
    beside = np.append(faults, [""] * STRANGERS)
    write_genotypes(folder, everyone, faults=beside, seed=seed)
    again = stream(seed, "repeat imaging").random(participants) < REPEATED_SHARE
    imagings = [(row, FIRST_IMAGING) for row in range(participants + STRANGERS)]
    imagings += [
        (int(row), FIRST_IMAGING + 1) for row in np.flatnonzero(again & (faults == ""))
    ]
    (folder / "images").mkdir()
    write_images(
        folder / "images",
        everyone,
        imagings=imagings,
        faults=beside,
        seed=seed,
        progress=progress,
    )
    names = {str(number): name for name, number in LABELS.items()}
    (folder / "labels.json").write_text(json.dumps(names) + "\n", encoding="utf-8")
    (folder / "study.toml").write_text(_settings(participants), encoding="utf-8")


def _settings(participants: int) -> str:
    # their numbers are small counts, which no screen may show
    wrong = [
        *BLEMISHES,
        "image of somebody who is not listed",
        "diagnosis of somebody who is not listed",
        *demo_genotypes.WRONG,
    ]
    return STUDY.format(
        description=DESCRIPTION.format(
            participants=participants, blemishes=", ".join(wrong)
        ),
        genotypes=demo_genotypes.SETTINGS,
        columns="\n".join(f'{ours} = "{theirs}"' for ours, theirs in COLUMNS.items()),
    )
