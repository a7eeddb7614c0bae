# What a newcomer types. The locks say which versions; stamps inside an environment remember what was installed.

VENV := .venv
BENCH := .venv-bench
UV := uv

# -qq: errors only. The locks carry hashes, so pip refuses whatever is not what was tested.
PIP_FLAGS := -qq --disable-pip-version-check --no-input
install_lock = $(1)/bin/python -m pip install $(PIP_FLAGS) --require-hashes -r $(2)
install_product = $(1)/bin/python -m pip install $(PIP_FLAGS) --no-build-isolation --no-deps -e .

.PHONY: help demo test bench differential lock clean
.DELETE_ON_ERROR:

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.runtime  ## install what is needed, then run the whole chain on the built-in prices
	@$(VENV)/bin/regimefolio demo

test: $(VENV)/.test  ## style, types, floors and tests
	@scripts/setup-browser
	@scripts/check

bench: $(BENCH)/.bench  ## measure the speed against peers, as ratios in one run
	@$(BENCH)/bin/python -m benchmarks

differential: $(BENCH)/.bench  ## hold the simulator against those of vectorbt and bt
	@$(BENCH)/bin/python -m pytest tests/differential

lock:  ## resolve the locks again; UPGRADE=--upgrade takes the newest versions
	@command -v $(UV) >/dev/null || { echo "make lock needs uv (pip install uv), or UV=/path/to/uv" >&2; exit 1; }
	$(call compile,requirements.lock)
	$(call compile,requirements-test.lock,--extra test -c requirements.lock)
	$(call compile,requirements-bench.lock,--extra bench -c requirements.lock)

# hatchling and editables stand in every lock, so that the product itself is built without a download.
compile = printf 'hatchling\neditables\n' | $(UV) pip compile --quiet --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url $(UPGRADE) $(2) -o $(1) pyproject.toml -

clean:  ## remove environments and caches; results stay
	rm -rf $(VENV) $(BENCH) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# bin/activate is the last file that venv writes: where it stands, the environment is whole.
%/bin/activate:
	@scripts/make-environment $*

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/bin/activate
	@echo "Installing the packages of requirements.lock into $(VENV): once, about a minute."
	@$(call install_lock,$(VENV),requirements.lock)
	@$(call install_product,$(VENV))
	@touch $@

# The test lock is the runtime lock and more, so the product stays as installed.
$(VENV)/.test: requirements-test.lock $(VENV)/.runtime
	@echo "Adding the test tools of requirements-test.lock to $(VENV): once, less than a minute."
	@$(call install_lock,$(VENV),requirements-test.lock)
	@touch $@

$(BENCH)/.bench: requirements-bench.lock pyproject.toml | $(BENCH)/bin/activate
	@echo "Installing the peers of requirements-bench.lock into $(BENCH): once, about a minute."
	@$(call install_lock,$(BENCH),requirements-bench.lock)
	@$(call install_product,$(BENCH))
	@touch $@
