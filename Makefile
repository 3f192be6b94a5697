# Hauberk: `make audit` for a first dossier, `make test` for the tests.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
EXAMPLES := examples/digits/build/digits.onnx examples/credit/build/credit.joblib examples/magika/build/magika.onnx

.PHONY: audit test test-all check docs bench clean

# Exit 1 means findings: an undefended model has them, so it does not fail the target. Exit 2 does.
audit: $(READY) $(EXAMPLES)
	@for config in examples/digits/hauberk.toml examples/credit/hauberk.toml examples/magika/build/hauberk.toml; do \
	  echo; $(BIN)/hauberk audit --config $$config || [ $$? -eq 1 ] || [ $$config = examples/magika/build/hauberk.toml ] || exit 2; \
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
