# The developer's interface; `make` alone tells what there is. CI calls nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= $(firstword $(foreach p,python3.11 python3.13 python3.12 python3,$(shell $(p) -c 'import sys, venv, ensurepip; (3, 11) <= sys.version_info[:2] <= (3, 13) and print("$(p)")' 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
RUN_READY := $(VENV)/.run-ready
DEV_READY := $(VENV)/.dev-ready
CODE := firmware tools tests bench image-build
BOARD ?= virt
TRUTHS ?= $(or $(wildcard $(SAFECOUNT_ASSETS)/groundtruth/*.json),tools/safecount_ops/desk/truth_vtest.json)
# What is built already is taken as it is: `make image` renews it.
BUILT = $(if $(wildcard build/image/virt/SHA256SUMS),,image)
IMAGE := PYTHONPATH=image-build nice -n 10 $(BIN)/python -m safecount_image

.PHONY: $(shell awk -F ':.*## ' '/^[a-z-]+:.*## / {print $$1}' $(MAKEFILE_LIST))

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "safecount needs Python 3.11, 3.12 or 3.13 with its venv module; none was found. Install one (Debian: apt-get install python3-venv) or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(RUN_READY): $(BIN)/python tools/locks/run.txt pyproject.toml tools/pyproject.toml
	@echo "Setting up .venv (once) ..." >&2
	@$(PIP) install --require-hashes -r tools/locks/run.txt
	@$(PIP) install --no-deps --no-build-isolation -e . -e tools
	@touch $@

$(DEV_READY): $(RUN_READY) tools/locks/dev.txt
	@echo "Adding the development tools to .venv (once) ..." >&2
	@$(PIP) install --require-hashes -r tools/locks/dev.txt
	@touch $@

setup: $(RUN_READY) ## Make .venv with both distributions
	@echo "Ready: $(BIN)/safecount and $(BIN)/safecount-ops"

run: $(RUN_READY) ## Count people in a real clip, all the way to the controller's report (VIDEO=clip LINE=x1,y1,x2,y2:right for your own)
	@$(BIN)/safecount-ops run $(if $(VIDEO),"$(VIDEO)") $(if $(LINE),--line "$(LINE)")

setup-page: $(RUN_READY) ## Try the device's set-up page in a browser, before a real clip (CLIP=clip PORT=8080)
	@$(BIN)/safecount-ops setup-page $(if $(CLIP),--clip "$(CLIP)") --port $(or $(PORT),8080)

test: $(DEV_READY) ## Run the fast tests
	@$(if $(SAFECOUNT_ASSETS),,echo "Left out: tests on files that no package registry serves (name a folder that has them: SAFECOUNT_ASSETS=...)" >&2)
	@$(BIN)/python -m pytest -m "not soak and not image $(if $(SAFECOUNT_ASSETS),,and not assets)"

soak: $(DEV_READY) ## Run the tests of thousands of rounds
	@nice -n 10 $(BIN)/python -m pytest -m soak

fuzz: $(DEV_READY) ## Fuzz every parser, ten minutes each (FUZZ_S=seconds, FUZZ=target for one)
	@nice -n 10 $(BIN)/python tests/fuzz/run.py --seconds $(or $(FUZZ_S),600) $(addprefix --target ,$(FUZZ))

fuzz-keep: $(DEV_READY) ## Bring the least of what the fuzzers learnt to tests/fuzz/corpus
	@nice -n 10 $(BIN)/python tests/fuzz/run.py --keep $(addprefix --target ,$(FUZZ))

privacy-audit: $(RUN_READY) ## Attack the release path as it is built, and builds broken on purpose (TRIALS=20000 SEED=)
	@$(BIN)/safecount-ops privacy-audit --report build/privacy-audit.html $(if $(TRIALS),--trials $(TRIALS)) $(if $(SEED),--seed $(SEED))

image: $(RUN_READY) ## Build the card's image into build/image/BOARD (MIRROR=http://.../debian; as root)
	@$(IMAGE) build $(BOARD)

wheels: $(RUN_READY) ## Build both wheels into dist/, the same bytes for everybody
	@$(IMAGE) wheels

test-image: $(DEV_READY) image ## Look into the built image (BOARD=)
	@BOARD=$(BOARD) $(BIN)/python -m pytest -m image tests/image

rehearse-rpi: $(DEV_READY) ## Build the Raspberry Pi's image from a stand-in archive and start it on QEMU's Pi 3 (as root)
	@$(BIN)/python -m pytest -x -m image tests/board_rpi

boot: $(DEV_READY) $(BUILT) ## Start the built image in emulation: it enrols, counts a clip, and sends (Ctrl-C ends it)
	@PYTHONPATH=tests:image-build $(BIN)/python -m boot.show

test-boot: $(DEV_READY) $(BUILT) ## Boot the built image in emulation: enrol, count, cut the power, change slots (CUTS=2 JUDGED=20 STARTED=2; BOOT="counting slots" for some)
	@CUTS=$(or $(CUTS),2) JUDGED=$(or $(JUDGED),20) STARTED=$(or $(STARTED),2) $(BIN)/python -m pytest -m image $(or $(BOOT:%=tests/boot/test_%.py),tests/boot --ignore tests/boot/test_updates.py)

test-updates: $(DEV_READY) $(BUILT) ## Update the built image in emulation: good and broken releases, a power cut at every write (CUTS=2)
	@CUTS=$(or $(CUTS),2) $(BIN)/python -m pytest -m image tests/boot/test_updates.py

bench-boot: $(DEV_READY) $(BUILT) ## Measure the emulated device: time to the first frame, slow units, memory, failed units, ports
	@PYTHONPATH=tests:image-build $(BIN)/python -m boot.measure

reproduce: $(RUN_READY) ## Build the image twice, as two builders on two days, and compare (BOARD=)
	@$(IMAGE) reproduce $(BOARD)

lock-image: $(RUN_READY) ## Renew the list of the image's Debian packages (BOARD=)
	@$(IMAGE) lock $(BOARD)

sources: $(RUN_READY) ## Fetch the sources of the image's Debian packages, to be offered with it (BOARD=; as root)
	@$(IMAGE) sources $(BOARD)

fresh: $(DEV_READY) ## Fail for a locked package or wheel that is not what archive and registry have now (BOARD=; as root)
	@$(IMAGE) fresh $(BOARD)

bench: $(DEV_READY) ## Measure every bar of the counting (GRADER=folder of the line-crossing input, PAGE=1 renews docs/evaluation.md)
	@PYTHONPATH=tests nice -n 10 $(BIN)/python bench/counting.py --root "$(or $(SAFECOUNT_ASSETS),.)" $(foreach t,$(TRUTHS),--truth "$(t)") \
	    $(if $(GRADER),--grader "$(GRADER)") $(if $(PAGE),--page) --hours $(or $(HOURS),0.5)

bench-rivals: $(DEV_READY) ## Grade our tracker and line beside five libraries (GRADER=folder, SEEDS="1 2" for other crowds)
	@nice -n 10 $(BIN)/python bench/rivals.py --grader "$(GRADER)" $(addprefix --seed ,$(SEEDS))

bench-choices: $(DEV_READY) ## Measure what each choice of tracker and line is worth, by leaving it out (GRADER=folder)
	@nice -n 10 $(BIN)/python bench/choices.py --grader "$(GRADER)" $(addprefix --seed ,$(SEEDS))

bench-delivery: $(DEV_READY) ## Measure sealing and storing, beside age, libsodium and persist-queue
	@PYTHONPATH=tests nice -n 10 $(BIN)/python bench/delivery.py

bench-open: $(DEV_READY) ## Open a million envelopes on all cores, killed once on the way (ENVELOPES=100000 for fewer)
	@PYTHONPATH=tests nice -n 10 $(BIN)/python bench/open.py --envelopes $(or $(ENVELOPES),1000000)

bench-collector: $(DEV_READY) ## Measure what the collector takes, and twice that, with SQLite and PostgreSQL
	@PYTHONPATH=tests nice -n 10 $(BIN)/python bench/collector.py

bench-device: $(DEV_READY) ## Measure the memory of the device's processes, and what they write in a day
	@PYTHONPATH=tests nice -n 10 $(BIN)/python bench/device.py

bench-validation: $(DEV_READY) ## Hold the interval of validation certificates against the truth of simulated streets (RUNS=1000)
	@PYTHONPATH=tests nice -n 10 $(BIN)/python bench/validation.py --runs $(or $(RUNS),1000)

bench-qr: $(DEV_READY) ## Measure which share of site codes the camera reads within 2 s, on rendered pictures (CODES=500)
	@PYTHONPATH=tests nice -n 10 $(BIN)/python bench/qr.py --codes $(or $(CODES),500)

picture-setup: $(DEV_READY) ## Take the pictures of docs/setup-page.md anew, in Debian's Chromium
	@$(BIN)/python bench/setup_page_picture.py

bench-delta: $(DEV_READY) ## Measure what an update of one Python file costs, from a built image (BOARD=virt; as root)
	@PYTHONPATH=tests:image-build nice -n 10 $(BIN)/python bench/delta.py build/image/$(or $(BOARD),virt)

update-demo: $(DEV_READY) $(BUILT) ## Rehearse updates in emulation: a good release is tried and kept, a broken one left
	@PYTHONPATH=tests:image-build $(BIN)/python -m boot.update_show

update-story: $(DEV_READY) ## Tell the way of a good release, a cheating mirror and a bad release in seconds, with simulated slots
	@PYTHONPATH=tests $(BIN)/python bench/update_demo.py

bench-pipeline: $(DEV_READY) ## Measure the whole way beside the bare model, and half an hour of crowd (HOURS=24 for a day)
	@nice -n 10 $(BIN)/python bench/pipeline.py
	@PYTHONPATH=tests nice -n 10 $(BIN)/python bench/day_of_crowd.py --hours $(or $(HOURS),0.5)

lint: $(DEV_READY) ## Check style, types and shell scripts
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/mypy firmware/safecount tools/safecount_ops image-build/safecount_image tests $(wildcard bench/*.py)
	@$(BIN)/shellcheck .ci/run
	@$(BIN)/shellcheck --shell=dash image-build/initramfs/init config/usr/libexec/safecount/restart config/usr/libexec/safecount/gadget

fix: $(DEV_READY) ## Mend what the linters can mend themselves
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

lock: $(DEV_READY) ## Write the hash-locked requirements, those of the image too (UPGRADE=1: everything at its newest)
	@touch README.md LICENSE # the wheels name them
	@for lock in run dev; do \
	    inputs=tools/locks/run.in; [ $$lock = run ] || inputs="$$inputs tools/locks/dev.in"; \
	    $(BIN)/uv pip compile --quiet $(if $(UPGRADE),--upgrade) --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url \
	        --no-emit-find-links --no-emit-package safecount --no-emit-package safecount-ops --output-file tools/locks/$$lock.txt $$inputs >/dev/null; \
	done
	@$(BIN)/uv pip compile --quiet $(if $(UPGRADE),--upgrade) --python-version 3.13 --python-platform aarch64-manylinux_2_40 --only-binary :all: --generate-hashes \
	    --no-header --no-annotate --no-emit-index-url --no-emit-find-links --constraint tools/locks/run.txt \
	    --output-file image-build/locks/wheels.txt pyproject.toml >/dev/null
	@$(BIN)/uv pip compile --quiet $(if $(UPGRADE),--upgrade) --python-version 3.13 --python-platform aarch64-manylinux_2_40 --only-binary :all: --generate-hashes --no-deps \
	    --no-header --no-annotate --no-emit-index-url --no-emit-find-links --output-file image-build/locks/camera.txt image-build/locks/camera.in >/dev/null

clean: ## Remove what was built (not the cache of assets)
	@rm -rf $(VENV) build dist
