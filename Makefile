# The two commands of the README, `make demo` and `make test`, and what they are made of.
# Everything is built with cargo; this file only puts the steps in order.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TARGET ?= target
EXHIBIT := $(TARGET)/debug/exhibit
COMPONENTS := $(TARGET)/components
PLUGINS := $(patsubst plugins/%/connector.toml,%,$(wildcard plugins/*/connector.toml))
export CARGO_TARGET_DIR := $(abspath $(TARGET))
# The cargo that compiles connectors; setup-guest writes it.
export EXHIBIT_GUEST_CARGO := $(CARGO_TARGET_DIR)/guest-cargo

.PHONY: help demo test build components format lint unit docs foreign audit setup-guest setup-test clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 14

demo: build ## collect, seal, export, verify and re-perform half a year of a made-up organisation
	$(EXHIBIT) demo --dir demo --replace

# What tests add to the features of a dependency counts for every part that is built with them. So the commands are
# built together with the examples, as the tests will ask for them, and no dependency is compiled a second time.
PROGRAMS := --locked --workspace --bins --examples

build: components ## the exhibit command, with its connectors inside
	cargo build $(PROGRAMS)

# The command builds the connectors, and the connectors are then put into the command: built twice, linked twice.
components: setup-guest
	cargo build $(PROGRAMS)
	@mkdir -p $(COMPONENTS)
	for plugin in $(PLUGINS); do $(EXHIBIT) connector build plugins/$$plugin --out $(COMPONENTS)/$$plugin.wasm; done

test: setup-test build format lint unit docs foreign ## everything that continuous integration checks

format: ## the code is formatted
	cargo fmt --check

lint: ## clippy, warnings denied
	cargo clippy --locked --workspace --all-targets -- -D warnings

unit: build ## the tests
	cargo test --locked --workspace --no-fail-fast

# The programs are named, since exhibit-verify's pages would replace those of its library. The examples are there for
# the reason that PROGRAMS has.
docs: ## the documentation builds, warnings denied
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --lib --bin exhibit --bin exhibit-compile --examples

foreign: build ## what we make is accepted, and what was altered is refused, by tools that are not ours
	tests/foreign/all.sh

audit: ## licences, bans and sources of the dependencies (needs cargo-deny; advisories when it can be reached)
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny --config .deny.toml check licenses bans sources

setup-guest: ## the compiler's target for connectors
	@tests/setup/guest.sh

setup-test: setup-guest ## what the tests run beside us: Debian, Python and npm packages, by name
	@tests/setup/test.sh

clean: ## all that was built
	rm -rf $(TARGET) demo
