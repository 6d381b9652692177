# Every target makes its own environment, so that a machine with Python 3.11+, pip and make suffices.
PYTHON ?= python3
WORKERS ?= auto
.PHONY: demo test lint typecheck docs bench recovery thorough coverage costs drift pictures gallery report golden clean

.venv-demo/ready: pyproject.toml
	$(PYTHON) -m venv .venv-demo
	.venv-demo/bin/python -m pip install --quiet --upgrade pip
	.venv-demo/bin/python -m pip install --quiet --editable '.[cli,datasets]'
	touch $@

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --upgrade pip
	.venv/bin/python -m pip install --quiet --no-compile --editable '.[test,docs,lint]'
	touch $@

demo: .venv-demo/ready  ## the main job on real CDNOW orders
	.venv-demo/bin/python examples/cdnow.py

test: .venv/ready  ## the whole test suite
	sh tests/setup/postgres.sh
	sh tests/setup/chromium.sh
	.venv/bin/python -m pytest -n $(WORKERS) --dist loadgroup -m 'not slow'

thorough: .venv/ready  ## every test, with more parameters, more engines, and studies; an hour
	.venv/bin/python -m pytest -n $(WORKERS) --dist loadgroup

lint: .venv/ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

typecheck: .venv/ready
	.venv/bin/mypy

docs: .venv/ready  ## the docs site, into site/
	.venv/bin/mkdocs build --strict

bench: .venv/ready  ## speed beside peers and the physical limit, in the same run; half an hour
	.venv/bin/python -m benchmarks $(BENCH)
	.venv/bin/python -m benchmarks.family

recovery: .venv/ready  ## simulate, fit, recover: 100 worlds of each model, half an hour
	.venv/bin/python -m studies.recovery

coverage: .venv/ready  ## do intervals contain what happens: simulated worlds, real logs; an hour
	.venv/bin/python -m studies.coverage
	.venv/bin/python -m studies.total_coverage
	.venv/bin/python -m studies.real_coverage

costs: .venv/ready  ## what intervals cost, in processor seconds
	.venv/bin/python -m studies.costs

drift: .venv/ready  ## is drift told from none: simulated worlds; an hour
	.venv/bin/python -m studies.drift

pictures: .venv/ready  ## the pictures of the pages on uncertainty, from the last results
	.venv/bin/python -m studies.pictures

gallery: .venv/ready  ## the pictures of the page on plots, drawn by its own code
	.venv/bin/python -m studies.gallery

report: .venv/ready  ## the example report of the docs, from the Online Retail data
	.venv/bin/python -m studies.report_page

golden: .venv/ready  ## recompute the 50-digit reference values
	.venv/bin/python -m pip install --quiet --editable '.[golden]'
	.venv/bin/python tests/golden/make_bgnbd_grid.py
	.venv/bin/python tests/golden/make_gamma_gamma_grid.py
	.venv/bin/python tests/golden/make_mbgnbd_grid.py
	.venv/bin/python tests/golden/make_pareto_nbd_grid.py
	.venv/bin/python tests/golden/make_ggompertz_nbd_grid.py
	.venv/bin/python tests/golden/make_erlang_grid.py
	.venv/bin/python tests/golden/make_counts_ahead_grid.py
	.venv/bin/python tests/golden/make_contract_grids.py
	.venv/bin/python tests/golden/make_bgbb_grid.py

clean:
	rm -rf .venv .venv-demo .bench-envs site demo-output
