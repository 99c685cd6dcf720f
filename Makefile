# Each target is described by the comment beside its name; `make` alone lists them.
# All of them need python3 (3.11 or newer), cargo and make, and install the rest into .venv.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
BUILD := .build
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1

RUST := Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name '*.toml')
# Bindings are tested from Python: a test binary of theirs would need an interpreter to link to.
CARGO_TESTED := --workspace --exclude orderloom-py

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

# What everything else stands on ------------------------------------------------------------------

$(BUILD)/tools:
	@command -v $(PYTHON) >/dev/null || { echo "expected $(PYTHON), found none; hint: install Python 3.11 or newer, or say make PYTHON=..."; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "expected Python 3.11 or newer, found $$($(PYTHON) -V); hint: make PYTHON=/path/to/python3.11"; exit 2; }
	@command -v cargo >/dev/null || { echo "expected cargo, found none; hint: install Rust from https://rustup.rs"; exit 2; }
	@mkdir -p $(BUILD) && touch $@

.venv/installed: constraints.txt | $(BUILD)/tools
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement constraints.txt
	@touch $@

# In release, as it is shipped. `maturin` installs the package in place: Python changes need no build.
$(BUILD)/extension: $(RUST) pyproject.toml .venv/installed
	PIP_QUIET=1 VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/maturin develop --release --quiet
	@mkdir -p $(BUILD) && touch $@

.PHONY: develop
develop: $(BUILD)/extension ## Build the extension and install the package into .venv

# What a user wants -------------------------------------------------------------------------------

.PHONY: run
run: develop ## Trade the sample day in the simulated TWS
	$(BIN)/orderloom run examples/quickstart/strategy.yaml --speed max

# As it is shipped: laid out by what `benches/train.py` does, which takes twice the time to build. What
# was counted can be read by the llvm-profdata of rustc's own LLVM alone.
PROFDATA = llvm=$$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p'); \
  export PATH="$$(rustc --print target-libdir)/../bin:/usr/lib/llvm-$$llvm/bin:$$PATH" PIP_CONSTRAINT=$(CURDIR)/constraints.txt PIP_QUIET=1; \
  found=$$(llvm-profdata merge --version 2>/dev/null | sed -n 's/.*LLVM version \([0-9]*\).*/\1/p') || true; \
  [ "$$found" = "$$llvm" ] || { \
    echo "expected llvm-profdata $$llvm, of the LLVM in this rustc, found $${found:-none}; hint: rustup component add llvm-tools, or your distribution's package llvm-$$llvm"; exit 2; }

.PHONY: wheel
wheel: .venv/installed ## Build an installable wheel into dist/, optimised by profile; needs llvm-profdata
	@$(PROFDATA); CARGO_TARGET_DIR=target/pgo $(BIN)/maturin build --pgo --release --out dist

$(BUILD)/shipped: $(RUST) pyproject.toml benches/train.py .venv/installed
	@$(PROFDATA); CARGO_TARGET_DIR=target/pgo VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/maturin develop --pgo --quiet
	@mkdir -p $(BUILD) && touch $(BUILD)/extension $@

# What a change must pass -------------------------------------------------------------------------

.PHONY: test
test: lint test-rust types test-python ## Run every check that CI runs

.PHONY: lint
lint: .venv/installed ## Formatting and lints of both languages
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- --deny warnings
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

.PHONY: format
format: .venv/installed ## Rewrite both languages as `lint` wants them
	cargo fmt --all
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: test-rust
test-rust: ## Tests of the core and the venue
	if cargo nextest --version >/dev/null 2>&1; then \
	  cargo nextest run $(CARGO_TESTED) --locked --no-fail-fast --status-level fail; \
	else \
	  cargo test $(CARGO_TESTED) --locked --no-fail-fast --lib --tests; \
	fi
	cargo test $(CARGO_TESTED) --locked --doc

.PHONY: explore
explore: ## Every state of linked orders, two faults included; ONLY=words: configurations named so
	@mkdir -p $(BUILD)
	ONLY='$(ONLY)' cargo test --release --package orderloom-core --test model --locked -- \
	  --include-ignored --nocapture --skip large_ | tee $(BUILD)/explored
	@awk '/ closed, 0 violations$$/ { closed++; states += $$(NF - 6) } \
	  END { if (!closed) { print "no configuration is named so"; exit 1 } \
	    print states " states in " closed " configurations, each closed with 0 violations" }' $(BUILD)/explored

.PHONY: explore-large
explore-large: ## What has tens of millions of states and takes an hour
	cargo test --release --package orderloom-core --test model --locked -- --ignored --nocapture large_

.PHONY: crash
crash: develop ## 10,000 kills at every write and send, and recoveries; takes half an hour
	$(BIN)/python -m tests.crash 10000

.PHONY: ten-days
ten-days: develop ## Ten trading days with their nights, a weekend and a change of the clocks; takes minutes
	$(BIN)/python -m tests.ten_days

SESSIONS ?= 100000
.PHONY: soak
soak: ## SESSIONS=n random days of engine and venue; SEED=n tells one
	SESSIONS=$(SESSIONS) FIRST=$(FIRST) SEED=$(SEED) TICKS=$(TICKS) SIGNALS=$(SIGNALS) MISHAPS=$(MISHAPS) \
	  cargo test --release --package orderloom-sim --test soak --locked -- --ignored --nocapture

# In an environment that has nothing else, away from the checkout.
TRIED := $(BUILD)/tried
.PHONY: try-wheel
try-wheel: develop ## Install a wheel as a user does, and trade the sample day with what `init` writes
	rm -rf $(TRIED)
	PIP_QUIET=1 VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/maturin build --release --quiet --out $(TRIED)
	$(PYTHON) -m venv $(TRIED)/env
	$(TRIED)/env/bin/pip install --quiet --constraint constraints.txt $(TRIED)/*.whl
	cd $(TRIED) && export PATH=$$PWD/env/bin:$$PATH && orderloom --version && orderloom init . && \
	  orderloom check strategy.yaml && orderloom run strategy.yaml --sim --speed max --out run
	rm -rf $(TRIED)

.PHONY: types
types: develop ## Static types, and the extension's stub against the built module
	$(BIN)/mypy
	MYPYPATH=python $(BIN)/python -m mypy.stubtest orderloom._core --mypy-config-file pyproject.toml

.PHONY: test-python
test-python: develop ## Tests of the package, the guards, and each bench once
	$(BIN)/pytest

# Each client in an environment of its own, kept in .venvs; nautilus-ibapi does not name protobuf.
CLIENTS := ib_async==2.1.0 ib_insync==0.9.86 ibapi==9.81.1.post1 nautilus-ibapi==10.46.1
.venvs/%/installed: | $(BUILD)/tools
	$(PYTHON) -m venv .venvs/$*
	.venvs/$*/bin/pip install --quiet $(filter $*==%,$(CLIENTS)) $(if $(filter nautilus-ibapi,$*),protobuf)
	@touch $@

.PHONY: conformance
conformance: develop $(foreach c,$(CLIENTS),.venvs/$(firstword $(subst ==, ,$(c)))/installed) ## Four unmodified TWS clients against the simulated TWS
	ORDERLOOM_CLIENTS=all $(BIN)/pytest tests/conformance

.PHONY: fuzz
fuzz: fuzz-rules fuzz-wire ## Whatever can be written, drawn or sent: all of the next two

.PHONY: fuzz-rules
fuzz-rules: develop ## Parsers and rules: many cases; takes minutes
	$(BIN)/pytest --hypothesis-profile=fuzz tests/unit/test_fuzz.py tests/unit/test_expression.py
	PROPTEST_CASES=100000 cargo test --release --package orderloom-core --test rule_judge --locked

SECONDS ?= 600
.PHONY: fuzz-wire
fuzz-wire: develop ## Hostile bytes to the decoder of the simulated TWS, for SECONDS (600)
	seed=$${ORDERLOOM_FUZZ_SEED:-$$RANDOM}; echo "seed $$seed"; \
	ORDERLOOM_FUZZ_SEED=$$seed ORDERLOOM_FUZZ_SECONDS=$(SECONDS) $(BIN)/pytest tests/unit/test_sim_fuzz.py

.PHONY: load
load: develop ## 50 symbols at 20,000 messages a second to 4 clients for a minute; 200 orders a second
	$(BIN)/python benches/bench_load.py

.PHONY: bench
bench: $(BUILD)/shipped ## Measure what is shipped; each bench states its question
	$(BIN)/pytest benches --benchmark-enable --benchmark-columns=min,median,max,ops --benchmark-autosave
	cargo bench --locked --package orderloom-core --benches
	cargo bench --locked --package orderloom-sim --bench backtest

.PHONY: bench-compare
bench-compare: $(BUILD)/shipped ## Measure again; an error where a median is 25 % above what `make bench` kept last
	$(BIN)/pytest benches --benchmark-enable --benchmark-columns=min,median,max,ops \
	  --benchmark-compare --benchmark-compare-fail=median:25%

.PHONY: count
count: .venv/installed ## Count the core's instructions under valgrind; an error above benches/counts.json
	$(BIN)/python benches/count.py

.PHONY: bench-peers
bench-peers: $(BUILD)/shipped ## Measure beside other libraries, each in its own environment; writes benches/README.md
	$(BIN)/python -m benches.peers.run $(if $(QUICK),--quick --rounds 2)

# Housekeeping ------------------------------------------------------------------------------------

.PHONY: lock
lock: develop ## Write constraints.txt from what is installed
	{ head -1 constraints.txt; $(BIN)/python -m pip freeze --exclude orderloom | grep ==; } > $(BUILD)/constraints.txt
	mv $(BUILD)/constraints.txt constraints.txt

.PHONY: clean
clean: ## Remove what was built, but not runs/
	cargo clean
	rm -rf .venv $(BUILD) dist python/orderloom/_core*.so .mypy_cache .pytest_cache .ruff_cache
