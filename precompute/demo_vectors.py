"""The demo with embeddings in place of images: a biobank's numbers within a minute.

The people, their factors and the codes that follow from them are the demo's; the
vectors are drawn from the same factors, and hundreds of codes that follow from nothing
stand beside, so that a scan has its null.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from edp_core.simulate.factors import Factors, simulate_factors
from edp_core.simulate.vectors import AXES, SIDES, simulate_vectors
from precompute import demo_genotypes, demo_tables
from precompute.demo_faults import STRANGERS, blemishes
from precompute.demo_genotypes import write_genotypes
from precompute.demo_images import Progress
from precompute.demo_tables import COLUMNS, VOLUMES, write_tables

VERSION = 2
"""Raise it when the same parameters no longer give the same files."""
NULL_CODES = 600
NO_VECTOR = "no vector"
NOT_FINITE = "NaN within the vector"
REPEATED = "vector repeated"
FAULTS = {NO_VECTOR: 9, NOT_FINITE: 6, REPEATED: 5}
"""What is wrong with the vectors -> how many participants it befalls."""
BLEMISHES = {**FAULTS, **demo_tables.FAULTS, **demo_genotypes.FAULTS}

STUDY = """\
name = "Demo: simulated embeddings of liver and kidneys"
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

[populations.everyone]
withdrawals = "withdrawn.txt"

# no images: the vectors are there already
[organs.liver]

[organs.kidney]

[encoders.given]
method = "vectors"
vectors = "vectors/{{organ}}.parquet"

{genotypes}
[disclosure]
threshold = 5
downloads = true
"""

DESCRIPTION = (
    "Simulated: no measurement of any person is in it. About {participants:,} "
    "invented people with embeddings of liver and kidneys ({axes} axes) drawn from "
    "hidden organ volumes, fat, fibrosis, lesions, scars and cysts through a fixed "
    "nonlinear map, with scanner, position and noise. Some ICD-10 codes follow from "
    "the same factors, {nulls} from nothing. Of about 20,000 genotyped variants a few "
    "move liver fat, kidneys or the density of bone, which moves every vector most and "
    "means no disease. Wrong on purpose, for the steps to find:"
    " {blemishes}."
)


def fill(
    folder: Path, *, participants: int, seed: int, progress: Progress | None
) -> None:
    """Write every raw file of the study into a folder."""
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
        null_codes=NULL_CODES,
        volumes=True,
    )
    beside = np.append(faults, [""] * STRANGERS)
    write_genotypes(folder, everyone, faults=beside, seed=seed)
    (folder / "vectors").mkdir()
    faulty = dict(zip(listed.participants["eid"], faults, strict=True))
    total = len(everyone.latent) * sum(map(len, SIDES.values()))
    done = 0
    for organ in SIDES:
        path = folder / "vectors" / f"{organ}.parquet"
        with pq.ParquetWriter(
            path, _schema(organ), compression="none", use_dictionary=False
        ) as writer:
            for rows, vectors in simulate_vectors(everyone, organ, seed=seed):
                for part in _spoilt(rows, vectors, faulty):
                    writer.write_table(_table(organ, *part))
                done += len(rows)
                if progress is not None:
                    progress(done, total)
    (folder / "study.toml").write_text(_settings(participants), encoding="utf-8")


def _spoilt(
    rows: pd.DataFrame, vectors: np.ndarray, faulty: dict[str, str]
) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    """The vectors with their faults; those that are repeated come once more."""
    fault = rows["eid"].map(faulty).fillna("").to_numpy(str)
    vectors[fault == NOT_FINITE, AXES // 2] = np.nan
    there = fault != NO_VECTOR
    yield rows[there], vectors[there]
    again = fault == REPEATED
    if again.any():
        yield rows[again], vectors[again]


def _keys(organ: str) -> list[str]:
    return ["eid", "instance", *(["side"] if len(SIDES[organ]) > 1 else [])]


def _schema(organ: str) -> pa.Schema:
    keys = [(name, pa.string()) for name in _keys(organ)]
    axes = [(f"axis_{i:03d}", pa.float32()) for i in range(1, AXES + 1)]
    return pa.schema(keys + axes)


def _table(organ: str, rows: pd.DataFrame, vectors: np.ndarray) -> pa.Table:
    keys = [pa.array(rows[name].tolist(), pa.string()) for name in _keys(organ)]
    axes = [pa.array(column) for column in np.ascontiguousarray(vectors.T)]
    return pa.Table.from_arrays(keys + axes, schema=_schema(organ))


def _settings(participants: int) -> str:
    wrong = [
        *BLEMISHES,
        "vector and diagnosis of somebody who is not listed",
        *demo_genotypes.WRONG,
    ]
    return STUDY.format(
        description=DESCRIPTION.format(
            participants=participants,
            axes=AXES,
            nulls=NULL_CODES,
            blemishes=", ".join(wrong),
        ),
        genotypes=demo_genotypes.SETTINGS,
        columns="\n".join(
            f'{ours} = "{theirs}"' for ours, theirs in {**COLUMNS, **VOLUMES}.items()
        ),
    )
