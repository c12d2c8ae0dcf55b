# Two commands do everything: `make demo` and `make test`. They need Terraform, Python 3.11+ and make.

PYENV_PYTHONS := $(wildcard $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions/3.13.*/bin/python3.13)
PYTHONS       := $(PYTHON) python3.13 $(lastword $(sort $(PYENV_PYTHONS))) python3.14 python3.12 python3.11 python3
# The first that runs and is new enough; 3.13 comes first because that is what the function runs on.
CHECK         := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON_FOUND   = $(firstword $(foreach p,$(PYTHONS),$(shell $(p) -c '$(CHECK)' 2>/dev/null && echo $(p))))

VENV := .venv
RUN  := $(VENV)/bin/python -m

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format docs lock bench checkov clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/installed ## Make the virtual environment (demo and test do so by themselves)

$(VENV)/installed: pyproject.toml tools/locks/dev.txt
	@test -n "$(PYTHON_FOUND)" || { echo "Python 3.11 or newer is needed; name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@command -v terraform >/dev/null || { echo "Terraform 1.9 or newer is needed: https://developer.hashicorp.com/terraform/install" >&2; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON_FOUND) ..."
	@$(PYTHON_FOUND) -m venv --clear $(VENV)
	@$(RUN) pip install --quiet --disable-pip-version-check --require-hashes --requirement tools/locks/dev.txt
	@$(RUN) pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## Apply examples/quickstart to a local AWS and run it
	@$(RUN) sandbox.demo

test: lint ## Run all tests; those that lack a tool are skipped, and named at the end
	@$(RUN) pytest -n 4 --dist loadgroup --no-loadscope-reorder $(OPTIONS)

lint: setup ## Check format, lint, types and who imports whom
	@$(RUN) ruff format --check --quiet
	@$(RUN) ruff check --quiet
	@$(RUN) mypy
	@$(VENV)/bin/lint-imports --no-logo --cache-dir .cache/import-linter >/dev/null || $(VENV)/bin/lint-imports --no-logo --no-cache
	@terraform fmt -check -recursive

format: setup ## Put everything into its format
	@$(RUN) ruff check --quiet --fix
	@$(RUN) ruff format
	@terraform fmt -recursive

docs: setup ## Make the generated parts of the documentation anew
	@$(RUN) tools.docs

lock: ## Take newer releases of what tests and tools need, with the hashes of their files
	@PYTHON=$(PYTHON_FOUND) tools/lock

bench: setup ## Measure speed against EC2's limits and beside others, in some twenty minutes
	@$(RUN) benchmarks

checkov: setup ## Check module and examples with checkov, which takes 290 MB the first time
	@PYTHON=$(PYTHON_FOUND) tools/checkov $(OPTIONS)

clean: ## Remove all that the other commands made
	@rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
