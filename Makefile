# Two commands for a fresh machine: `make study` and `make test`. Each makes what it needs in .venv.
SHELL := /bin/bash
PYTHON ?= python3
CORES ?= $(shell nproc)
BIN := .venv/bin
# Both engines start `wildvalues` by name.
export PATH := $(CURDIR)/$(BIN):$(PATH)

TEX_PACKAGES := latexmk texlive-latex-recommended texlive-latex-extra texlive-fonts-recommended lmodern

.PHONY: study test lint paper sync adopt clean help

help: ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/' | column -t -s:

study: .venv/ready tex ## set up and run the study of params.yaml
	@if command -v latexmk >/dev/null; then snakemake --cores $(CORES) --quiet rules host; \
	else snakemake without_pdf --cores $(CORES) --quiet rules host; fi
	@wildvalues summary

test: .venv/ready ## set up and run the tests
	@pytest

lint: .venv/ready ## style, types, and both engines' files against the stages
	ruff check . && ruff format --check . && mypy
	snakefmt --check Snakefile workflow/rules && snakemake --lint && wildvalues engines check

paper: .venv/ready ## rebuild the PDF alone
	@snakemake paper/main.pdf --cores $(CORES) --quiet rules host

adopt: .venv/ready ## after snakemake: let DVC remember the run
	@wildvalues engines adopt

sync: .venv/ready ## after clone, pull or dvc repro: tell Snakemake that files are current
	@wildvalues engines sync

clean: ## remove what a study makes, but no log of yours, no model and no answer
	rm -rf data/interim data/processed results/* paper/build paper/main.pdf logs
	@git checkout --quiet -- results 2>/dev/null || true

# The environment: pinned versions, this package, and a repository for DVC.
.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "wildvalues needs Python 3.11 or newer; this is $$($(PYTHON) --version)"; exit 2; }
	@[ -x $(BIN)/pip ] || $(PYTHON) -m venv .venv 2>/dev/null || $(MAKE) --no-print-directory venv-package
	@echo "Installing the environment into .venv (a few minutes the first time) ..."
	@$(BIN)/pip install --quiet -r requirements.lock
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# Debian and Ubuntu ship python3 without venv.
.PHONY: venv-package
venv-package:
	@rm -rf .venv
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv >/dev/null; \
	else echo "python3 lacks venv: type  sudo apt-get install python3-venv  and then make again"; exit 2; fi
	@$(PYTHON) -m venv .venv

# The paper needs LaTeX (about 100 MB). Without it the study finishes with everything but the PDF.
.PHONY: tex
tex:
	@if command -v latexmk >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing LaTeX ..."; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(TEX_PACKAGES) >/dev/null \
	  || echo "LaTeX could not be installed; the study goes on without the PDF"; \
	else echo "No LaTeX here, so no PDF. To have it:  sudo apt-get install $(TEX_PACKAGES)"; fi
