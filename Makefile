# Hauberk: `make audit` for a first dossier, `make test` for the tests.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
EXAMPLES := examples/digits/build/digits.onnx examples/credit/build/credit.joblib examples/magika/build/magika.onnx

.PHONY: audit test test-all check docs bench bench-scan fuzz clean

# An audit exits 1 for findings and 2 for an inconclusive verdict: neither is a failure here. A dossier that does not
# verify is.
audit: $(READY) $(EXAMPLES)
	@rm -rf audits; set -e; for name in digits credit magika; do \
	  config=examples/$$name/hauberk.toml; [ -f $$config ] || config=examples/$$name/build/hauberk.toml; \
	  echo; $(BIN)/hauberk audit --config $$config || [ $$? -le 2 ]; \
	  $(BIN)/hauberk verify audits/$$name --model examples/$$name/build/$$name.*[bx]; \
	done

test: $(READY)
	$(BIN)/python -m pytest

test-all: $(READY)
	$(BIN)/python -m pytest -m ''

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

docs: $(READY)
	$(BIN)/zensical build --strict --clean

bench: $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench,torch]'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/requirements.txt
	$(BIN)/python benchmarks/evasion.py
	$(BIN)/python benchmarks/membership.py
	$(BIN)/python benchmarks/labels.py
	$(BIN)/python benchmarks/signing.py
	$(BIN)/python benchmarks/sealing.py

# Makes an environment for each peer, and downloads the packages that ship the honest files.
bench-scan: $(READY)
	cd benchmarks && ../$(BIN)/python -m scan.run && ../$(BIN)/python -m scan.weights

MINUTES ?= 60
fuzz: $(READY)
	$(BIN)/python -m fuzz.run --minutes $(MINUTES)

clean:
	rm -rf .venv site audits examples/*/build

$(READY): pyproject.toml constraints.txt examples/requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,torch]'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r examples/requirements.txt
	@touch $@

examples/digits/build/digits.onnx: examples/digits/train.py $(READY)
	$(BIN)/python examples/digits/train.py

examples/credit/build/credit.joblib: examples/credit/train.py $(READY)
	$(BIN)/python examples/credit/train.py

examples/magika/build/magika.onnx: examples/magika/prepare.py $(READY)
	$(BIN)/python examples/magika/prepare.py
