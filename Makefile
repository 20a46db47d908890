# Two commands on a fresh machine: `make demo` and `make test`. Both make the environment first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WHEEL := build/wheel

.PHONY: demo test check raft clean

$(READY): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "vinpaint needs Python 3.11 or newer; try make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(READY)
	$(BIN)/python -m vinpaint.benchmarks.demo demo-out

test: $(READY)
	$(BIN)/python -m pytest -n auto

# Style, then types and content of the wheel that users install.
check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf $(WHEEL) build/lib && mkdir -p $(WHEEL)
	$(BIN)/python -m build --wheel --no-isolation --outdir $(WHEEL) . > $(WHEEL)/build.log || { cat $(WHEEL)/build.log; exit 1; }
	$(BIN)/python tests/check_wheel.py $(WHEEL)/*.whl
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(WHEEL)/site $(WHEEL)/*.whl
	cd $(WHEEL)/site && MYPYPATH=. ../../../$(BIN)/mypy --config-file ../../../pyproject.toml --python-executable ../../../$(BIN)/python -p vinpaint

# RAFT and other learned flow. ptlflow brings its own OpenCV; ours is put back over it.
raft: $(READY)
	$(BIN)/python -m pip install -c constraints.txt -e '.[raft]'
	$(BIN)/python -m pip install --force-reinstall --no-deps -c constraints.txt opencv-contrib-python-headless
	$(BIN)/vinpaint doctor

clean:
	rm -rf $(VENV) build demo-out *.egg-info
