"""Settings of genotypes: one kind of file, and no count that may not be shown."""

import pytest

from edp_core.errors import InputError
from edp_core.study import load_study

STUDY = """
name = "Small"
[participants]
table = "people.csv"
[organs.liver]
[encoders.vit]
method = "vectors"
vectors = "v.csv"
[disclosure]
threshold = 10
"""


def study_of(folder, lines):
    (folder / "study.toml").write_text(STUDY + lines)
    return load_study(folder)


def test_a_study_without_genotypes_has_none(tmp_path):
    assert study_of(tmp_path, "").genotypes is None


def test_prefix_and_defaults(tmp_path):
    found = study_of(tmp_path, '[genotypes]\nbed = "g/c{chromosome}"\n').genotypes
    assert (found.bed, found.pgen, found.build) == ("g/c{chromosome}", None, "GRCh37")
    assert (found.ids, found.mac, found.missing) == ("iid", None, 0.1)
    assert (found.fewest_copies(5), found.fewest_copies(100)) == (20, 200)
    assert found.covariates is None


def test_a_study_without_the_setting_counts_carriers_too(tmp_path):
    assert study_of(tmp_path, "").fewest_copies == 20
    assert study_of(tmp_path, '[genotypes]\nbed = "a"\n').fewest_copies == 20
    assert study_of(tmp_path, '[genotypes]\nbed = "a"\nmac = 30\n').fewest_copies == 30


@pytest.mark.parametrize(
    "lines",
    [
        "[genotypes]\n",
        '[genotypes]\nbed = "a"\npgen = "b"\n',
    ],
)
def test_one_kind_of_file_is_needed(tmp_path, lines):
    with pytest.raises(InputError, match="give one of bed and pgen"):
        study_of(tmp_path, lines)


def test_carriers_below_the_disclosure_threshold_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"genotypes\.mac must be at least 20"):
        # eighteen copies may be nine people's, each of whom has two
        study_of(tmp_path, '[genotypes]\nbed = "a"\nmac = 18\n')
    assert study_of(tmp_path, '[genotypes]\nbed = "a"\nmac = 20\n').genotypes.mac == 20
