# Everything that a newcomer needs: `make demo` shows a study, `make test` checks the template.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
TEMPLATE := {{cookiecutter.project_slug}}
ENV := build/venv
BIN := $(CURDIR)/$(ENV)/bin
DEMO := build/demo
RULES = $(wildcard $(TEMPLATE)/workflow/rules/*.smk) $(TEMPLATE)/workflow/Snakefile

.DEFAULT_GOAL := help
.PHONY: help env demo test lint format docs bench certificate scale gallery locks clean

help: ## say what there is
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 13

env: $(ENV)/tools.stamp ## make the environment in build/venv (compiles llama.cpp once)

$(ENV)/tools.stamp: requirements/tools.lock $(TEMPLATE)/requirements-llm.lock
	@mkdir -p build
	@$(PYTHON) "$(TEMPLATE)/environment.py" --llm --path $(ENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.lock
	@touch $@

$(ENV)/bench.stamp: requirements/bench.lock $(ENV)/tools.stamp
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.lock
	@touch $@

# What judges archives has requirements that the study's lock contradicts (cffconvert wants an old jsonschema).
build/validators/stamp: requirements/validators.lock
	@mkdir -p build
	@$(PYTHON) -m venv build/validators
	@build/validators/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	    -r requirements/validators.lock
	@touch $@

demo: env ## generate the study of Hutto & Gilbert (2014) in build/demo and run it
	@[ -d $(DEMO) ] || $(BIN)/cookiecutter . --no-input --output-dir build project_name="Sentiment in four kinds of texts" \
	    project_slug=demo question="Does a small language model measure sentiment as people do?"
	@cd $(DEMO) && $(BIN)/snakemake --cores all
	@cd $(DEMO) && if [ -n "$$(find results config workflow -type f -newer report.html 2>&1 | head -1)" ]; then \
	    $(BIN)/snakemake --cores all --report report.html; fi
	@echo "The report: $(CURDIR)/$(DEMO)/report.html"

test: env $(ENV)/bench.stamp build/validators/stamp ## run every test (the real model and whole studies included)
	@$(BIN)/pytest -n 2 --no-loadscope-reorder

lint: env ## check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/snakefmt --check $(foreach f,$(RULES),"$(f)")
	@$(BIN)/mypy

format: env ## put code into its style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/snakefmt $(foreach f,$(RULES),"$(f)")

docs: env ## build the documentation in build/docs
	@$(BIN)/sphinx-build -W --keep-going -q -b html docs build/docs
	@echo "The documentation: $(CURDIR)/build/docs/index.html"

bench: env $(ENV)/bench.stamp ## measure the speed side by side with peers (build/bench.json)
	@$(BIN)/python benchmarks/run.py --out build/bench.json

certificate: env ## repeat the estimators where the truth is known (an hour; goes on where it stopped)
	@PYTHONPATH="benchmarks:$(TEMPLATE)/src" OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m certificate

scale: env ## measure a study of up to a million texts, step by step (ten minutes or more; goes on where it stopped)
	@PYTHONPATH="benchmarks:$(TEMPLATE)/src" OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m scale

gallery: env ## run every published study at full size and judge its claims (an hour; build/gallery/index.html)
	@$(BIN)/python -m gallery

locks: env ## resolve the locked requirements anew
	@cd "$(TEMPLATE)" && for name in requirements requirements-llm; do \
	    $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	    --python-version 3.11 $$name.in --output-file $$name.lock; done
	@cd requirements && for name in tools bench validators; do \
	    $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	    --python-version 3.11 $$name.in --output-file $$name.lock; done

clean: ## remove what was built, but for the environment
	@rm -rf $(DEMO) build/docs build/bench.json build/gallery build/gallery-small
