"""The whole way: simulated participants in, files regenie reads out."""

import json

import numpy as np
import pytest

from edp_core.artifacts import read_cohort, read_inputs
from edp_core.checkout import describe_encoder, render_study
from edp_core.errors import AlignmentError, InputError, MissingArtifactError
from edp_core.export import card
from edp_core.export.regenie import validate_table
from edp_core.phenotype import (
    AxisSpec,
    ClassifierSpec,
    ClusterSpec,
    CodeSpec,
    evaluate,
)
from edp_core.settings.encoders import MaeEncoder, PretrainedEncoder
from edp_core.settings.people import Population
from edp_core.store import Store, read_table
from edp_core.study import Study, load_study


@pytest.fixture(scope="module")
def study(done_study) -> Study:
    return load_study(done_study)


@pytest.fixture(scope="module")
def store(study) -> Store:
    return Store(study.store_path)


@pytest.fixture(scope="module")
def specs(study, store):
    inputs = read_inputs(study, store, organ="liver", encoder="mae")
    scan = read_table(store.at("scan/liver/mae"), "scan")
    scored = scan.loc[scan["reason"] == "", ["code", "n_cases"]]
    code = scored.loc[scored["n_cases"].idxmax(), "code"]  # enough in one cluster
    image = {
        "population": "everyone", "organ": "liver", "encoder": "mae", "trait": code,
    } | {k: inputs.keys[k] for k in ("cohort", "phenome", "embedding")}  # fmt: skip
    cases = inputs.phenome.cases(code)[inputs.seen]
    cluster = int(np.bincount(inputs.clusters[cases]).argmax())
    plain = {k: image[k] for k in ("population", "cohort", "phenome", "trait")}
    return [
        ClassifierSpec(name="classifier", **image),
        ClusterSpec(
            name="cluster",
            atlas=inputs.keys["atlas"],
            clustering=inputs.clustering,
            cluster=cluster,
            **image,
        ),
        CodeSpec(name="code", **plain),
    ]


@pytest.fixture(scope="module")
def files(study, store, specs):
    return render_study(study, store, specs)


@pytest.fixture(scope="module")
def components(study, store):
    """The first PCs of the embedding, as recipes."""
    inputs = read_inputs(study, store, organ="liver", encoder="mae")
    keys = {k: inputs.keys[k] for k in ("cohort", "embedding", "atlas")}
    given = {"population": "everyone", "organ": "liver", "encoder": "mae"} | keys
    return [AxisSpec(name=f"liver_PC{i}", axis=i, **given) for i in range(1, 9)]


def test_components_are_exported_in_one_file(study, store, components):
    files = render_study(study, store, components)
    about = json.loads(files["report.json"])
    assert list(about["files"]) == ["phenotypes_qt.tsv"]
    names = [spec.name for spec in components]
    assert about["files"]["phenotypes_qt.tsv"]["traits"] == names
    assert "fold" not in about["covariates"]["columns"]
    inputs = read_inputs(study, store, organ="liver", encoder="mae")
    taken = tuple(covariates_of(files).columns)
    table = validate_table(files["phenotypes_qt.tsv"], role="qt", taken=taken)
    people = inputs.participants["eid"].tolist()
    for spec in components:
        values = dict(zip(people, evaluate(spec, inputs).values, strict=True))
        expected = [values[iid] for iid in table.iids]
        np.testing.assert_allclose(table.numbers(spec.name), expected, rtol=1e-6)
    told = json.loads(files["cards/liver_PC1.json"])
    assert 0 < told["figures"]["variance_explained"] < 1
    assert b"principal component 8" in files["methods.md"]
    assert b"iGWAS" in files["methods.md"]
    assert b"edp" not in files["run_regenie.sh"]
    again = [card.read(files[f"cards/{spec.name}.json"]) for spec in components]
    assert again == components
    assert render_study(study, store, again) == files


def test_axes_and_guided_scores_go_together(study, store, specs, components):
    files = render_study(study, store, [*specs, *components[:2]])
    found = traits_of(files)
    assert {"classifier", "cluster", "code", "liver_PC1", "liver_PC2"} == set(found)


def covariates_of(files):
    categories = json.loads(files["report.json"])["covariates"]["categories"]
    return validate_table(
        files["covariates.tsv"], role="covariates", categories=tuple(categories)
    )


def traits_of(files):
    """Phenotype → table it stands in, each read back by the strict parser."""
    taken = tuple(covariates_of(files).columns)
    found = {}
    for file, about in json.loads(files["report.json"])["files"].items():
        role = "bt" if about["traits"] == ["code"] else "qt"
        table = validate_table(files[file], role=role, taken=taken)
        found |= dict.fromkeys(about["traits"], table)
    return found


def test_regenies_files_hold_the_values_of_the_recipes(study, store, specs, files):
    people = list(read_cohort(store).participants["eid"])
    keep = validate_table(files["keep.tsv"], role="keep")
    assert keep.iids == covariates_of(files).iids and len(keep.iids) > 100
    found = traits_of(files)
    assert set(found) == {"classifier", "cluster", "code"}
    inputs = read_inputs(study, store, organ="liver", encoder="mae")
    for spec in specs:
        table = found[spec.name]
        values = dict(zip(people, evaluate(spec, inputs).values, strict=True))
        expected = np.array([values[iid] for iid in table.iids])
        np.testing.assert_allclose(table.numbers(spec.name), expected, rtol=1e-6)
        assert set(table.iids) <= set(keep.iids)


def test_the_same_recipes_give_the_same_bytes(study, store, specs, files):
    assert render_study(study, Store(study.store_path), specs) == files


def test_a_card_opened_again_gives_identical_bytes(study, store, specs, files):
    reopened = [card.read(files[f"cards/{spec.name}.json"]) for spec in specs]
    assert reopened == specs
    assert render_study(study, store, reopened) == files


def test_only_tables_of_ids_hold_ids(store, files):
    eids = read_cohort(store).participants["eid"].tolist()
    for name, content in files.items():
        if not name.endswith(".tsv"):
            found = [eid for eid in eids if eid.encode() in content]
            assert not found, f"{len(found)} ids in {name}"


def test_whoever_withdrew_since_is_left_out_at_once(done_study, copy_of, specs, files):
    folder = copy_of(done_study)
    gone = validate_table(files["keep.tsv"], role="keep").iids[:7]
    # saved by a spreadsheet: a byte order mark stands before the first id
    (folder / "gone.txt").write_text("\ufeff" + "\r\n".join(gone[:4]))
    (folder / "more.txt").write_text("\n".join(gone[3:]))
    lists = {
        "everyone": Population(withdrawals="gone.txt"),
        "others": Population(withdrawals="more.txt"),  # counts as much
    }
    study = load_study(folder).model_copy(update={"populations": lists})
    out = render_study(study, Store(study.store_path), specs)
    assert set(out) == set(files)
    for name, content in out.items():
        assert not any(eid.encode() in content for eid in gone), name
    assert len(out["keep.tsv"].splitlines()) == len(files["keep.tsv"].splitlines()) - 7


def test_genotyped_people_only(study, store, specs, files):
    listed = validate_table(files["keep.tsv"], role="keep").iids[10:110]
    fam = "".join(f"F{eid} {eid} 0 0 0 -9\n" for eid in listed)
    out = render_study(study, store, specs, genotypes=fam)
    keep = validate_table(out["keep.tsv"], role="keep")
    assert keep.iids == tuple(listed)
    assert keep.fids == tuple(f"F{eid}" for eid in listed)
    with pytest.raises(AlignmentError, match=r"participants is in the \.fam file"):
        render_study(study, store, specs, genotypes="X X 0 0 0 -9\n")


def test_nothing_to_export(study, store):
    with pytest.raises(InputError, match="no phenotype to export"):
        render_study(study, store, [])


def test_a_study_that_is_not_done_names_the_command(raw_study, specs):
    study = load_study(raw_study)
    store = Store(study.store_path, remedy="python -m precompute run here")
    with pytest.raises(MissingArtifactError, match="has not been computed") as caught:
        render_study(study, store, specs)
    assert caught.value.hint == "run: python -m precompute run here"


def test_encoders_are_described_as_they_are_set(study):
    said = describe_encoder(study, "liver", "mae")
    encoder = study.encoders["mae"]
    assert isinstance(encoder, MaeEncoder)
    assert f"ViT-{encoder.size}, {encoder.depth} blocks" in said
    assert "75% masked" in said and "the mean of the patch tokens of block -2" in said
    other = study.model_copy(
        update={"encoders": {"vit": PretrainedEncoder(method="pretrained")}}
    )
    assert "published weights (vit_base" in describe_encoder(other, "liver", "vit")
