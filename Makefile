PYTHON ?= python3
BIN := .venv/bin

# with uv where it is there; all cores compile what was installed, but for packages' own tests
install = if command -v uv >/dev/null; then uv pip install --python $(BIN)/python -e '.$(1)'; \
	else $(BIN)/python -m pip install --no-compile --quiet --disable-pip-version-check -e '.$(1)'; fi; \
	status=$$?; $(BIN)/python -m compileall -qq -j 0 -x /tests/ .venv/lib || true; exit $$status

make_venv = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dirimix needs Python >= 3.11")' && \
	if command -v uv >/dev/null; then uv venv --allow-existing --python $(PYTHON) .venv; \
	else $(PYTHON) -m venv .venv; fi

.PHONY: demo docs test lint style types loops test-fits test-rest test-oldest paper verify bench \
	release scan coverage fresh clean

.venv.ok: pyproject.toml
	$(make_venv)
	$(call install)
	touch .venv.ok

# with what the tests and long proofs need
.venv-test.ok: pyproject.toml
	$(make_venv)
	$(call install,[test])
	touch .venv.ok .venv-test.ok

# The report is written even where something has not converged; make fails all the same. The loops of
# local mixtures are compiled once on a machine, here beside the methods that need none.
demo: .venv.ok
	$(BIN)/python -m dirimix.likelihood.ahead & \
	$(BIN)/dirimix run studies/demo.toml --out runs/demo; status=$$?; wait; exit $$status

lint: style
	$(BIN)/pyright

style: .venv-test.ok
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

# types of the package; those of tests and benchmarks, which lint looks at, take as long again
types: style
	$(BIN)/pyright src

# the site, in docs/_build/html: what is only a warning elsewhere ends it
docs: .venv.ok
	$(call install,[docs])
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build/html
	@echo "docs/_build/html/index.html"

# two at a time: fits and what they rest on take as long as types and all the rest, and threads
# of BLAS would wait for each other; loops that both need are compiled before, beside types
test: export OPENBLAS_NUM_THREADS = 1
FITS := $(addprefix tests/,estimators sampling likelihood laws compiled)
test: .venv-test.ok
	$(MAKE) --jobs 2 --output-sync=target types test-fits test-rest

loops: .venv-test.ok
	$(BIN)/python -m dirimix.likelihood.ahead

test-fits: .venv-test.ok loops
	$(BIN)/pytest -m 'not slow' $(FITS)

test-rest: .venv-test.ok loops
	$(BIN)/pytest -m 'not slow' $(addprefix --ignore=,$(FITS))

# what the paper found and what it asked for, from the data sets of studies/*.toml: hours
paper: .venv.ok
	for study in nuclear-s2n nuclear-s2p nuclear-long; do \
	$(BIN)/dirimix run studies/$$study.toml --resume || exit; done
	$(BIN)/python studies/paper.py runs/nuclear-s2n docs/paper.md runs/nuclear-long runs/nuclear-s2p

verify: lint
	$(BIN)/python verification/density.py
	$(BIN)/python verification/second_sampler.py
	$(BIN)/python verification/forms.py
	$(BIN)/python verification/recovery.py
	$(BIN)/python verification/robustness.py
	$(BIN)/python verification/generated.py
	$(BIN)/python verification/interruptions.py
	$(BIN)/python verification/fuzz.py
	$(BIN)/python verification/calibration.py
	$(BIN)/pytest -m slow
	$(MAKE) paper

bench: .venv-test.ok
	$(BIN)/python benchmarks/growth.py
	$(call install,[bench])
	$(BIN)/python benchmarks/run.py

# the quick tests with the oldest versions that pyproject.toml allows, in an environment of its own;
# these use what newer versions of their own dependencies deprecate
OLDEST := sed -n '/^dependencies/,/^]/s/^ *"\([a-z0-9-]*\).*>=\(.*\)",/\1==\2/p' pyproject.toml
test-oldest:
	$(PYTHON) -m venv .venv-oldest
	$(OLDEST) > .venv-oldest/oldest.txt
	.venv-oldest/bin/pip install --quiet -c .venv-oldest/oldest.txt -e '.[test]'
	.venv-oldest/bin/pytest -W ignore::DeprecationWarning -m 'not slow' tests/table tests/laws \
	tests/likelihood tests/sampling tests/study

coverage: .venv-test.ok
	$(BIN)/pytest -m 'not slow' --cov --cov-report=term-missing:skip-covered

# wheel and sources, all dependencies with their sha256, and a bill of materials
release:
	$(PYTHON) -m venv .venv-release
	.venv-release/bin/pip install --quiet --disable-pip-version-check build cyclonedx-bom
	rm -rf dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) .venv-release/bin/python -m build
	.venv-release/bin/python scripts/pin_dependencies.py dist/*.whl --out dist/requirements.txt
	sed "s/^dynamic = .*/version = \"$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' src/dirimix/_version.py)\"/" \
	pyproject.toml > .venv-release/pyproject.toml
	.venv-release/bin/cyclonedx-py requirements --pyproject .venv-release/pyproject.toml \
	--mc-type library --output-reproducible --output-file dist/sbom.json dist/requirements.txt

# the dependencies' known faults; one that cannot be looked up fails, too
scan:
	$(PYTHON) -m venv --clear .venv-scan
	.venv-scan/bin/pip install --quiet --disable-pip-version-check .
	.venv-scan/bin/pip freeze --exclude dirimix > .venv-scan/requirements.txt
	.venv-scan/bin/pip install --quiet --disable-pip-version-check pip-audit
	.venv-scan/bin/pip-audit --strict --progress-spinner off --no-deps --disable-pip \
	--requirement .venv-scan/requirements.txt

fresh:
	find src -name "*.nb?" -delete

clean: fresh
	rm -rf .venv* dist build
