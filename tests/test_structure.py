"""The plan of the house, held: sizes, names, directions, documented settings."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from edp_core import study
from edp_core.settings import analysis, base, encoders, genotypes, organs, people

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("edp_core", "precompute", "app", "pages")
MOST_LINES, MOST_LINES_OF_A_PAGE = 300, 90

COMMON = set(encoders.MaeEncoder.model_fields) & set(
    encoders.PretrainedEncoder.model_fields
)
SECTIONS = {
    "Top of the file": (study.Study, {"folder"}, None),
    "`[participants]`": (people.Participants, set(), None),
    "`[diagnoses]`": (people.Diagnoses, set(), None),
    "`[traits.NAME]`": (people.TraitTable, set(), None),
    "`[organs.NAME]`": (organs.Organ, set(), None),
    "`[organs.NAME.quality]`": (organs.Quality, set(), None),
    "`[encoders.NAME]`": (encoders.MaeEncoder, set(), COMMON),
    '`method = "mae"`': (encoders.MaeEncoder, COMMON, None),
    '`method = "pretrained"`': (encoders.PretrainedEncoder, COMMON, None),
    '`method = "vectors"`': (encoders.GivenVectors, COMMON, None),
    "`[populations.NAME]`": (people.Population, set(), None),
    "A rule": (people.Rule, set(), None),
    "`[analysis]`": (analysis.Analysis, set(), None),
    "`[disclosure]`": (analysis.Disclosure, set(), None),
    "`[genotypes]`": (genotypes.Genotypes, set(), None),
}
"""Heading → model, fields not listed there, the only ones listed there."""


def sources(*rooms):
    return sorted(p for room in rooms for p in (ROOT / room).rglob("*.py"))


def name(path):
    return path.relative_to(ROOT).as_posix()


# ---- documentation ---------------------------------------------------------------
def documented():
    """Heading → key → cells of its row in docs/study.md."""
    found: dict[str, dict[str, list[str]]] = {}
    heading = ""
    for line in (ROOT / "docs/study.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            assert cells[0].strip("`") not in found.get(heading, {}), line
            found.setdefault(heading, {})[cells[0].strip("`")] = cells
    return found


def default_of(field):
    """How the default of a field must be written."""
    if field.default is PydanticUndefined:
        return "required"
    if field.default is None:
        return "not set"
    if isinstance(field.default, BaseModel):
        return "see below"
    if field.default == {"everyone": people.Population()}:
        return "`everyone`, without rules"
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    return f"`{json.dumps(value)}`"


def test_every_model_of_a_study_has_its_section():
    models = {
        value
        for module in (study, analysis, encoders, genotypes, organs, people)
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, BaseModel)
        and value is not base.Settings
        and not value.__name__.startswith("_")
    }
    assert models == {model for model, *_ in SECTIONS.values()}


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_setting_is_documented_with_its_default(heading):
    model, left_out, only = SECTIONS[heading]
    rows = documented()[heading]
    fields = {
        key: field
        for key, field in model.model_fields.items()
        if key not in left_out and (only is None or key in only)
    }
    assert sorted(rows) == sorted(fields), "docs/study.md and edp_core/study.py differ"
    for key, field in fields.items():
        _, kind, default, meaning, again = rows[key]
        assert default == default_of(field), f"{heading} {key}"
        assert kind and len(meaning) > 5, f"{heading} {key}"
        assert again in {"ingest", "train", "encode", "analyse", "–"}


def test_the_example_of_the_documentation_is_a_study(tmp_path):
    text = (ROOT / "docs/study.md").read_text(encoding="utf-8")
    example = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "study.toml").write_text(example.group(1))
    assert study.load_study(tmp_path).pairs() == [("retina", "mae")]


# ---- sizes and names -------------------------------------------------------------
def test_no_file_is_too_long():
    long = {
        name(path): lines
        for path in sources(*ROOMS)
        if (lines := len(path.read_text(encoding="utf-8").splitlines()))
        > (MOST_LINES_OF_A_PAGE if path.parent.name == "pages" else MOST_LINES)
    }
    assert not long, "a file that passes its limit asks to be two"


def test_no_module_is_called_utils():
    files = [*sources(*ROOMS), *sources("tests")]
    parts = {part for path in files for part in (path.stem, *path.parts[-3:-1])}
    assert not parts & {"utils", "util", "helpers", "misc", "common"}


def test_names_of_test_files_are_unique():
    """Folders of tests are no packages, so two files of one name would clash."""
    stems = [path.stem for path in sources("tests") if path.stem != "conftest"]
    assert sorted(set(stems)) == sorted(stems)


# ---- directions ------------------------------------------------------------------
def imported(path):
    """Top names of everything a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


FORBIDDEN = {
    "edp_core": {"streamlit", "app", "pages", "precompute", "torch", "timm", "typer"},
    "app": {"precompute", "torch", "timm", "typer", "torchvision"},
    "pages": {"precompute", "torch", "timm", "typer", "torchvision"},
    "precompute": {"streamlit", "app", "pages"},
}


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_in_one_direction_and_nothing_is_pickled(room):
    pickles = {
        "pickle",
        "cPickle",
        "dill",
        "joblib",
        "cloudpickle",
        "shelve",
        "marshal",
    }
    bad = {
        name(path): sorted(wrong)
        for path in sources(room)
        if (wrong := imported(path) & (FORBIDDEN[room] | pickles))
    }
    assert not bad


def test_imports_are_seen_wherever_they_stand(tmp_path):
    file = tmp_path / "x.py"
    file.write_text(
        "def f():\n    from torch.nn import Linear\n    import pickle as p\n"
    )
    assert imported(file) == {"torch", "pickle"}


BLOCKED = """
import importlib, pkgutil, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names}:
            raise ImportError("blocked: " + name)

sys.meta_path.insert(0, Blocker())
try:
    import {probe}
except ImportError:
    pass
else:
    sys.exit("the blocker does not block")
import edp_core
modules = [m.name for m in pkgutil.walk_packages(edp_core.__path__, "edp_core.")]
for module in modules:
    importlib.import_module(module)
print(len(modules))
"""


@pytest.mark.slow
def test_the_science_imports_without_streamlit_and_torch():
    names = {"streamlit", "torch", "torchvision", "timm", "typer", "rich", "umap"}
    code = BLOCKED.format(names=names, probe="torch")
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, cwd=ROOT, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 30


# ---- what is installed -----------------------------------------------------------
@pytest.mark.slow
def test_torchvision_fits_the_torch_that_is_installed():
    """A pair that was not built for each other loads, and its operators are missing."""
    import timm
    import torch
    import torchvision

    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])
    scores = torch.tensor([0.9, 0.8, 0.7])
    assert torchvision.ops.nms(boxes, scores, 0.5).tolist() == [0, 2]
    model = timm.create_model(
        "vit_tiny_patch16_224", pretrained=False, img_size=32, num_classes=0
    )
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 192)
