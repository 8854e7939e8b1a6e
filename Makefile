# `make app` opens the studio, `make test` runs everything. Both install what they need.
PY     ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
STUDY  ?= demo
PORT   ?= 8501
STAMP  := $(VENV)/.installed
# CI installs the exact versions of the lock, everyone else the ranges.
REQS   := $(if $(CI),requirements.lock,requirements.txt)

.PHONY: app install check test test-fast browser demo kill lock clean

install: $(STAMP)

$(STAMP): pyproject.toml requirements.txt requirements.lock
	@"$(PY)" -c "import sys; sys.exit(sys.version_info[:2] != (3, 11))" 2>/dev/null || \
	  { echo "Python 3.11 is needed: apt-get install python3.11-venv, or make PY=/path/to/python3.11"; exit 2; }
	$(BIN)/python -m pip --version >/dev/null 2>&1 || { rm -rf $(VENV); $(PY) -m venv $(VENV); } || \
	  { rm -rf $(VENV); echo "Python cannot make a venv: apt-get install python3.11-venv"; exit 2; }
	$(BIN)/python -m pip install --quiet --upgrade uv
	$(BIN)/uv pip install --python $(BIN)/python -r $(REQS)
	@touch $@

demo: $(STAMP)
	$(BIN)/python -m precompute demo demo

app: $(STAMP)
ifeq ($(STUDY),demo)
	$(BIN)/python -m precompute demo demo
endif
	EDP_STUDY="$(STUDY)" $(BIN)/python -m app --server.port $(PORT)

browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	  { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; } || \
	  { echo "The browser test needs Chromium: sudo apt-get install chromium"; exit 2; }

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -m "not slow and not browser and not data"

test: $(STAMP) browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# Kills thirty runs of a small study and compares what each comes to; minutes.
KILLS  ?= 30
kill: $(STAMP)
	$(BIN)/python tests/precompute/kill_and_resume.py --kills $(KILLS)

lock: $(STAMP)
	$(BIN)/uv pip compile --python $(BIN)/python --all-extras --no-annotate --no-header pyproject.toml -o requirements.lock
	@echo "-e ." >> requirements.lock

clean:
	rm -rf $(VENV) build *.egg-info
