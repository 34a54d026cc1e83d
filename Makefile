# Everything runs in a private virtual environment; a fresh machine needs Python 3.11 or newer, a C compiler and make.
#   make demo        segment a photograph by threshold and a drawn micrograph by a network, and show what was found;
#                    blur what is not a person in a photograph
#   make test        the tests
#   make fuzz        the fuzzer across the wings: make fuzz CASES=20000 SEED=1
#   make test-sanitizers  the tests of the operations and 20,000 fuzz cases on kernels built with ASan and UBSan
#   make test-peers  comparisons with PyTorch, ONNX Runtime, OpenCV, cc3d and pycocotools (downloads them)
#   make bench       our kernels beside their peers, in ratios
#   make lint, format, build, docs, dist, clean

VENV := .venv
BIN := $(VENV)/bin
# The first Python that is new enough; override with `make PYTHON=/path/to/python`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
# CI builds the kernels for every instruction set, as wheels hold them; elsewhere for the one that this machine runs best.
LEVELS ?= $(if $(CI),,native)
KERNELS := $(foreach suffix,pyx pxd pxi h,$(wildcard segalgo/_ext/*/*.$(suffix)))
CASES ?= 20000
SEED ?= 0
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
COINS = $(shell $(BIN)/python -c "import pathlib, skimage; print(pathlib.Path(skimage.__file__).parent / 'data' / 'coins.png')")

.PHONY: demo test fuzz test-sanitizers test-peers test-packaging bench lint format build docs dist clean

demo: $(VENV)/.build
	@$(BIN)/segalgo segment "$(COINS)" --method local --window 151 --offset 10 --fill-holes --min-area 100 -o demo
	@echo
	@$(BIN)/segalgo segment docs/tissue.png --model unet-membrane --augment --min-area 50 -o demo
	@echo
	@$(BIN)/segalgo segment docs/cameraman.png --model person --blur-background person -o demo
	@echo "  Right: coat, head and legs of the man stay sharp, the houses and most of the lawn are blurred."
	@echo "  Wrong: a strip of lawn beside the tripod stays sharp; part of the face is blurred. See the network's card,"
	@echo "  segalgo/models/pretrained/person.md."

test: $(VENV)/.test
	OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -n auto

test-peers: $(VENV)/.peers
	OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -n auto -m peers

fuzz: $(VENV)/.test
	$(BIN)/python -m tests.fuzz --seed $(SEED) --cases $(CASES) --simulated 50

test-sanitizers: $(VENV)/.dev
	PYTHON=$(CURDIR)/$(BIN)/python .ci/sanitizers $(CASES) $(SEED)

test-packaging: $(VENV)/.dev
	$(BIN)/python -m pytest -m packaging

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks.compare $(TOPIC)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint segalgo/_ext/*/*.pyx segalgo/_ext/*/*.pxd

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

build: $(VENV)/.build
	SEGALGO_LEVELS=$(LEVELS) SEGALGO_PROGRESS=1 $(BIN)/python setup.py --quiet build_ext --inplace

dist: $(VENV)/.dev
	$(BIN)/python -m build

docs: $(VENV)/.docs
	$(BIN)/sphinx-build -W -b html docs build/docs

clean:
	rm -rf build dist *.egg-info demo segalgo/_ext/shared/*.so segalgo/_ext/baseline segalgo/_ext/x86_64_v3 segalgo/_ext/x86_64_v4

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer found; name one: make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "setting up $(VENV) ..."
	$(PYTHON) -m venv $(VENV)

$(VENV)/.build: $(BIN)/python pyproject.toml setup.py $(KERNELS)
	@$(PIP) "setuptools>=77" "Cython>=3.1" "numpy>=2.0"
	@echo "building the kernels (a few minutes) ..."
	@SEGALGO_LEVELS=$(LEVELS) SEGALGO_PROGRESS=1 $(BIN)/python setup.py --quiet build_ext --inplace
	@echo "installing what segalgo needs ..."
	@SEGALGO_NO_EXTENSIONS=1 $(PIP) --no-build-isolation --editable .
	@touch $@

# The packages of an extra, without building ours again.
EXTRA = $(shell $(BIN)/python -c "import tomllib; e = tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']; \
	print(*(repr(r) for name in '$(1)'.split() for r in e[name] if not r.startswith('segalgo')))")

$(VENV)/.test: $(VENV)/.build
	@$(PIP) $(call EXTRA,test)
	@touch $@

$(VENV)/.dev: $(VENV)/.test
	@$(PIP) $(call EXTRA,dev)
	@touch $@

$(VENV)/.docs: $(VENV)/.test
	@$(PIP) $(call EXTRA,docs)
	@touch $@

$(VENV)/.peers: $(VENV)/.test tests/peers.txt
	@$(PIP) --constraint tests/peers.txt $(call EXTRA,peers)
	@touch $@

$(VENV)/.bench: $(VENV)/.peers
	@$(PIP) $(call EXTRA,bench)
	@touch $@
