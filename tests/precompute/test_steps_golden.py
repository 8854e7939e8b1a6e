"""Golden outputs: a step whose output changes must raise its version.

Each step of ingest and analyse runs on a tiny fixed input. Its output, numbers rounded,
is compared with ``golden.json``. Where it differs and the version in
`edp_core.artifacts.VERSIONS` is the same, old artifacts would be taken for new ones.
After raising the version write the file anew: ``EDP_GOLDEN=write pytest <this file>``.
"""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from plink_files import lines, write_bed
from safetensors.torch import save_file

from edp_core.artifacts import VERSIONS, read_cohort, read_phenome, write_embedding
from edp_core.settings.encoders import MaeEncoder
from edp_core.slices import open_slices
from edp_core.store import Recipe, Store, read_array, read_table
from edp_core.study import load_study
from edp_core.vectors.embedding import Embedding
from precompute import analyse
from precompute.encoders.mae import MaskedAutoencoder
from precompute.jobs import Jobs
from precompute.occlusion import make_occlusion
from precompute.steps import do

GOLDEN = Path(__file__).with_name("golden.json")
KINDS = (
    "cohort",
    "phenome",
    "images",
    "thumbnails",
    "atlas",
    "scan",
    "enrichment",
    "stability",
    "occlusion",
    "genotypes",
    "basis",
)
N = 90

STUDY = """\
name = "Golden"
[participants]
table = "people.csv"
[diagnoses]
table = "codes.csv"
[organs.liver]
images = "images/{eid}.npy"
channels = 2
image_size = 24
[encoders.mae]
method = "mae"
[analysis]
min_cases = 8
folds = 3
pcs = 3
neighbours = 8
[genotypes]
bed = "genotypes/g"
mac = 10
missing = 0.05
covariates = ["age", "sex"]
"""


def digest(*parts):
    """Hash of tables and arrays, floats rounded so that no last digit matters."""
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, pd.DataFrame):
            for name in part.columns:
                column = part[name]
                if pd.api.types.is_float_dtype(column):
                    column = [f"{rounded(v):.2f}" for v in column]
                found.update(repr([name, *map(str, column)]).encode())
        else:
            values = np.asarray(part)
            if np.issubdtype(values.dtype, np.floating):
                values = rounded(values)
            found.update(repr((values.shape, values.tolist())).encode())
    return found.hexdigest()[:16]


def rounded(values):
    """To two digits, kept off the edge where two machines may round apart."""
    return np.round(np.round(np.asarray(values, float), 5) + 1e-6, 2) + 0.0


def make_inputs(folder):
    """Ninety made-up people: images in whole numbers, and codes."""
    people = np.arange(N)
    eids = [f"{1000 + i}" for i in people]
    table = pd.DataFrame(
        {
            "eid": eids,
            "sex": np.where(people % 2, "Female", "1.0"),
            "age_years": 45 + people % 30,
            "bmi": np.where(people == 7, 500, 20 + people % 11),
            "centre": 11025 + people % 3,
        }
    )
    table = pd.concat([table, table.iloc[[3]], table.iloc[[4]].assign(bmi=21)])
    table.to_csv(folder / "people.csv", index=False)
    codes = [(e, "K76.0") for e in eids[:30]] + [(e, "K769") for e in eids[20:45]]
    codes += [(e, "M2556") for e in eids[::4]] + [(e, "E119") for e in eids[:5]]
    codes += [("9", "I10"), (eids[0], "nothing"), (eids[1], "K999")]
    pd.DataFrame(codes, columns=["eid", "icd10"]).to_csv(
        folder / "codes.csv", index=False
    )
    (folder / "images").mkdir()
    y, x = np.mgrid[:24, :24]
    for i, eid in enumerate(eids):
        if i % 20 == 11:
            continue
        flat = i % 20 == 12
        pixels = np.stack([(x * 7 + i) % 256, (y * 5 + 3 * i) % 256], axis=2)
        np.save(folder / f"images/{eid}.npy", (pixels * (not flat)).astype(np.uint8))
    make_genotypes(folder / "genotypes/g", eids)
    (folder / "study.toml").write_text(STUDY)


def make_genotypes(prefix, eids):
    """Forty variants: one the same for all, one rare, one often missing, one twice."""
    variant, person = np.mgrid[:40, :N]
    copies = (variant * 5 + person * (variant % 7 + 2)) % 11 // 4
    copies[3], copies[4] = 2, 0
    copies[4, :6] = 1
    copies[5, ::9] = copies[8, 4:7] = -1
    bim = lines(40)
    bim[7] = bim[6]
    ids = [*eids[::-1][:-2], "900", "901"]
    write_bed(prefix, copies, ids=ids, bim=bim)


def make_embedding(rows):
    """Three clumps on a circle, each a fixed lattice: no random generator needed."""
    person = rows["eid"].astype(int).to_numpy() - 1000
    clump = np.array([[9, 0, 0, 0], [0, 9, 0, 0], [0, 0, 9, 0]])[person // 30]
    step = np.sin(np.outer(person, [1.0, 2.3, 3.1, 4.7])) * [1.2, 1.0, 0.8, 0.3]
    return Embedding(rows, (clump + step).astype(np.float32))


def make_encoder(folder):
    """An encoder whose weights are waves: no random generator needed."""
    settings = MaeEncoder(method="mae", size="tiny", patch=8, depth=2, pooling="mean")
    model = MaskedAutoencoder(settings, channels=2, image_size=24)
    weights = {}
    for place, (name, values) in enumerate(sorted(model.state_dict().items())):
        wave = torch.sin(torch.arange(values.numel()) * (1.3 + 0.01 * place))
        weights[name] = 0.1 * wave.reshape(values.shape).contiguous()
    folder.mkdir()
    save_file(weights, folder / "weights.safetensors")
    config = {
        "method": "mae", "settings": settings.model_dump(), "channels": 2,
        "image_size": 24, "mean": [128.0, 128.0], "sd": [64.0, 64.0],
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    return settings


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """Kind → what its step made of the tiny input."""
    folder = tmp_path_factory.mktemp("golden")
    make_inputs(folder)
    study = load_study(folder)
    store = Store(study.store_path)
    jobs = Jobs(study, store)
    for slot in ("cohort", "phenome", "images/liver", "thumbnails/liver"):
        do(jobs, jobs.make(slot), report=lambda *_: None)
    images = store.at("images/liver")
    embedding = make_embedding(read_table(images, "rows"))
    recipe = Recipe("embedding", 0)
    with store.write(recipe) as partial:
        write_embedding(partial, embedding)
    store.set_ref("embedding/liver/mae", recipe.key)
    for slot in ("genotypes", "basis/liver/mae"):
        do(jobs, jobs.make(slot), report=lambda *_: None)
    genotypes, basis = store.at("genotypes"), store.at("basis/liver/mae")
    atlas, scan, enrichment, stability, occlusion = (
        folder / kind
        for kind in ("atlas", "scan", "enrichment", "stability", "occlusion")
    )
    for path in (atlas, scan, enrichment, stability, occlusion):
        path.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        # UMAP differs between processors, and it is for looking only
        patch.setattr(analyse, "_umap", lambda vectors, *_: np.zeros((len(vectors), 2)))
        analyse.make_atlas(embedding, study.analysis, atlas)
    phenome, cohort = read_phenome(store), read_cohort(store)
    analyse.make_scan(
        embedding, phenome, cohort.participants, analysis=study.analysis, folder=scan
    )
    analyse.make_enrichment(
        (read_array(atlas, "eids"), read_array(atlas, "clusters")), phenome,
        cohort.participants, folder=enrichment, least=5,
    )  # fmt: skip
    analyse.make_stability(
        embedding, read_array(atlas, "clusters"),
        (read_array(atlas, "knn_indices"), read_array(atlas, "knn_distances")),
        analysis=study.analysis, folder=stability,
    )  # fmt: skip
    encoder = make_encoder(folder / "encoder")
    make_occlusion(
        images, folder / "encoder", encoder, clusters=read_array(atlas, "clusters"),
        analysis=study.analysis, folder=occlusion,
    )  # fmt: skip
    scores = read_array(atlas, "pc_scores")
    return {
        "cohort": digest(cohort.participants, cohort.exclusions, cohort.notes),
        "phenome": digest(
            phenome.eids, phenome.traits, phenome.starts, phenome.rows,
            phenome.excluded_starts, phenome.excluded_rows, phenome.within,
            read_table(store.at("phenome"), "notes"),
        ),
        "images": digest(
            open_slices(images)[:], read_table(images, "rows"),
            read_table(images, "exclusions"), read_table(images, "notes"),
        ),
        "thumbnails": digest(read_array(store.at("thumbnails/liver"), "thumbnails")),
        "atlas": digest(
            *(read_array(atlas, name) for name in ("eids", "clusters", "knn_indices")),
            read_array(atlas, "pc_explained"), read_array(atlas, "knn_distances"),
            scores.std(axis=0), read_array(atlas, "pc_components"),
        ),
        "scan": digest(read_table(scan, "scan"), read_array(scan, "directions")),
        "enrichment": digest(read_table(enrichment, "enrichment")),
        "stability": digest(
            read_table(stability, "stability"), read_table(stability, "comparison")
        ),
        "occlusion": digest(
            *(read_array(occlusion, name) for name in ("rows", "sides", "shares",
                                                       "edges")),
            read_array(occlusion, "plain")[0, :8],
            np.abs(read_array(occlusion, "changes")[0], dtype=float).sum(axis=1),
        ),
        "genotypes": digest(
            *(read_table(genotypes, name) for name in ("variants", "people",
                                                       "exclusions", "notes"))
        ),
        "basis": digest(
            *(read_table(basis, name) for name in ("variants", "exclusions", "notes")),
            *(read_array(basis, name) for name in ("eids", "covariates", "squares",
                                                   "by_covariates")),
            np.array(read_array(basis, "loadings")),
            read_array(basis, "by_axes"), read_array(basis, "by_unit"),
        ),
    }  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_the_output_changes_only_with_its_version(outputs, kind):
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.is_file() else {}
    now = {"version": VERSIONS[kind], "output": outputs[kind]}
    if os.environ.get("EDP_GOLDEN") == "write":
        GOLDEN.write_text(json.dumps(golden | {kind: now}, indent=1) + "\n")
        return
    was = golden[kind]
    if now["version"] == was["version"]:
        assert now["output"] == was["output"], (
            f"the output of {kind} has changed: raise VERSIONS[{kind!r}] in "
            "edp_core/artifacts.py, then write golden.json anew"
        )
    assert now == was, f"{kind} has a new version: write golden.json anew"


def test_the_digest_sees_what_matters_and_not_the_last_digit():
    one = pd.DataFrame({"a": [1, 2], "b": [0.25, np.nan]})
    assert digest(one) == digest(one.assign(b=[0.25 + 1e-9, np.nan]))
    for other in (one.assign(a=[1, 3]), one.assign(b=[0.27, np.nan]), one[["b", "a"]]):
        assert digest(one) != digest(other)
    assert digest(np.zeros(2, int)) != digest(np.zeros((2, 1), int))
