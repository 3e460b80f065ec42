# What a person does with this repository. `make` alone lists it.

# The program; tests set it to a binary that is already built.
MAGNUM ?= cargo run --quiet --

.DEFAULT_GOAL := help
.PHONY: help demo run test test-cloud fmt lint gen clients bench deps

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: deps ## Build, prove, resize and delete a cluster on a simulated cloud
	@$(MAGNUM) demo

run: deps ## Serve on 127.0.0.1:9511 with a simulated cloud until Ctrl-C; prints the variables for the openstack client
	@$(MAGNUM) all --devcloud $(RUN_ARGS)

test: deps ## Check everything: format, lints, all tests on three databases and a broker, the real clients
	@tests/run.sh

test-cloud: deps ## Drive clusters with the real client on a real OpenStack, started for it on this machine (Debian 12, root)
	@tests/cloud/run.sh

fmt: ## Format all Rust files
	git ls-files --cached --others --exclude-standard '*.rs' | xargs rustfmt --edition 2024

lint: deps ## Only the format and the lints
	@tests/run.sh format lint

gen: deps ## Write generated files and snapshots anew
	@UPDATE=1 INSTA_UPDATE=always INSTA_FORCE_PASS=1 tests/run.sh rust

clients: deps ## Only the real clients and the commands of README.md
	@cargo build --quiet
	@tests/run.sh clients readme

bench: deps ## Measure requests per second, statements and Keystone calls per request, memory
	cargo bench --bench cost

deps:
	@tests/services.sh deps
