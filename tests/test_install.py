"""The web app installs and opens without torch: `.[app]` alone, in a fresh venv."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("app", "edp_core", "pages", "precompute", "pyproject.toml", "README.md")

OPEN = """
import importlib.util, json, sys
from pathlib import Path
absent = [n for n in ("torch", "torchvision", "timm", "typer", "umap")
          if importlib.util.find_spec(n) is None]
import app
from streamlit.testing.v1 import AppTest
test = AppTest.from_file(str(Path(app.__file__).parent / "main.py"), default_timeout=60)
test.run()
print(json.dumps({
    "absent": absent,
    "from": app.__file__,
    "exceptions": [e.value for e in test.exception],
    "errors": [e.value for e in test.error],
    "titles": [e.value for e in test.title],
    "parts": [e.value for e in test.subheader],
}))
"""


def uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if found is None:
        pytest.fail("uv is not installed: python -m pip install uv")
    return found


def call(*arguments, **options):
    done = subprocess.run(
        list(map(str, arguments)),
        capture_output=True, text=True, timeout=300, check=False, **options,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.slow
def test_the_app_installs_and_opens_without_torch(done_study, tmp_path):
    # a copy, since building leaves folders beside the sources
    source = tmp_path / "source"
    source.mkdir()
    for name in NEEDED:
        if (ROOT / name).is_dir():
            skipped = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, source / name, ignore=skipped)
        else:
            shutil.copy(ROOT / name, source / name)
    python = tmp_path / "venv" / "bin" / "python"
    call(uv(), "venv", "--quiet", "--python", sys.executable, tmp_path / "venv")
    call(uv(), "pip", "install", "--quiet", "--python", python, f"{source}[app]")
    listed = call(uv(), "pip", "list", "--python", python, "--format", "json")
    names = {package["name"] for package in json.loads(listed)}
    assert "streamlit" in names and "edp-studio" in names
    assert not names & {"torch", "torchvision", "timm", "umap-learn", "pytest"}

    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    said = call(
        python, "-c", OPEN,
        cwd=tmp_path, env=environment | {"EDP_STUDY": str(done_study)},
    )  # fmt: skip
    found = json.loads(said.splitlines()[-1])
    assert found["absent"] == ["torch", "torchvision", "timm", "typer", "umap"]
    assert Path(found["from"]).is_relative_to(tmp_path / "venv")
    assert found["exceptions"] == [] and found["errors"] == []
    # as Markdown in which a study's name is no markup
    assert found["titles"] == [r"Demo\: simulated liver and kidneys"]
    assert "Participants" in found["parts"]
