# What can be done here. `make help` lists it.

SHELL := /bin/bash
CARGO ?= cargo
# How many cases the differential test makes up.
CASES ?= 10000
# And how many with real brokers.
BROKER_CASES ?= 500
# For how long each target is fuzzed, and which; all if none is named.
FUZZ_SECONDS ?= 600
FUZZ_TARGETS ?=
# What chance begins with; another number each time if none is named.
export FUZZ_SEED ?=
# Which plugins are tested in containers; both if none is named.
SIDES ?=
# How often a broker is killed.
ROUNDS ?= 1000

# Tests of real brokers wait more than they work.
export RUST_TEST_THREADS ?= 4

# The broker lies where other users than root do not look.
export PATH := $(PATH):/usr/sbin

.DEFAULT_GOAL := help
.PHONY: help run build test test-differential test-differential-matrix test-differential-brokers test-differential-short fuzz test-panics test-crash test-crash-theirs test-faults test-valgrind test-headers docker-images test-docker test-matrix bench bench-brokers bench-stall bench-growth lint fmt dependencies clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 26

run: dependencies ## build, and start a broker with the plugin on a free port of 127.0.0.1
	@bash scripts/run.sh

build: dependencies ## build target/release/libmosquitto_dynsec.so
	$(CARGO) build --release --locked --package mosquitto-dynsec

test: dependencies ## run the tests, against real brokers and the C plugin; those below take longer or need more
	$(CARGO) build --workspace --locked
	$(CARGO) test --workspace --locked --no-fail-fast

test-differential: dependencies ## compare CASES=10000 random cases with the C plugin
	$(CARGO) build --release --workspace --locked
	DYNSEC_DIFF_CASES=$(CASES) $(CARGO) test --release --locked --package plugin-host --test differential -- --nocapture

test-differential-matrix: dependencies ## the same with those of 2.0.11, 2.0.21 and 2.1.2, in root folders; as root
	$(CARGO) build --release --workspace --locked
	@bash scripts/differential-matrix.sh $(CASES)

test-differential-brokers: dependencies ## compare whole brokers, 2.0.11, 2.0.21 and 2.1.2, on BROKER_CASES=500 random cases each; as root
	$(CARGO) build --release --workspace --locked
	@DYNSEC_DIFF_BROKER_CASES=$(BROKER_CASES) bash scripts/differential-matrix.sh $(CASES) --brokers

test-differential-short: build ## compare 200 cases with 2.0.21 and 2.1.2, the same ones each time; as root
	@DYNSEC_OURS=$${CARGO_TARGET_DIR:-$(CURDIR)/target}/release/libmosquitto_dynsec.so \
	    DYNSEC_DIFF_BROKER_CASES=0 bash scripts/differential-matrix.sh 200 --debug trixie forky

fuzz: ## run each fuzz target for FUZZ_SECONDS=600, and the differential test for as long
	@bash scripts/dependencies.sh --fuzz
	@bash scripts/fuzz.sh $(FUZZ_SECONDS) $(FUZZ_TARGETS)

test-panics: dependencies ## let a plugin made for that panic in each callback of a real broker
	@bash scripts/test-panics.sh

test-crash: dependencies ## kill -9 a real broker in a stream of commands, ROUNDS=1000 times, ours and theirs
	$(CARGO) build --workspace --locked
	DYNSEC_ROUNDS=$(ROUNDS) $(CARGO) test --locked --test broker -- --ignored --nocapture --test-threads 1 kills::

test-crash-theirs: ## count what the C plugins of 2.0.11, 2.0.21 and 2.1.2 make of ROUNDS=1000 kills, and of faults; as root
	@bash scripts/theirs-under-stress.sh $(ROUNDS)

test-faults: build ## look that saves wait for the disk, and let each of their system calls fail, in both ways of saving; DYNSEC_FAULTS=all in all ways; as root
	@bash scripts/dependencies.sh --strace
	DYNSEC_OURS=$${CARGO_TARGET_DIR:-$(CURDIR)/target}/release/libmosquitto_dynsec.so \
	    $(CARGO) test --locked --package plugin-host --test faults -- --ignored --nocapture

test-valgrind: build ## look for lost and growing memory, and for wrong accesses, in the plugin host
	@bash scripts/dependencies.sh --valgrind
	DYNSEC_OURS=$${CARGO_TARGET_DIR:-$(CURDIR)/target}/release/libmosquitto_dynsec.so \
	    $(CARGO) test --locked --package plugin-host --test memory -- --ignored --nocapture

test-headers: dependencies ## look that all compiles with the headers of Mosquitto 2.1 too, from Debian's packages
	@bash scripts/test-headers.sh forky

docker-images: build ## build the images mosquitto-dynsec:bookworm, :trixie and :forky
	@bash scripts/docker-images.sh

test-docker: build ## run the real-broker suite in containers of Mosquitto 2.0.11, 2.0.21 and 2.1.2; SIDES=--ours without theirs
	@bash scripts/matrix.sh docker $(SIDES)

test-matrix: build ## the same without Docker, in root folders that debootstrap makes; as root
	@bash scripts/matrix.sh chroot

bench: ## measure the C plugin and ours, and print tables; SUITES=checks measures those only
	@bash scripts/dependencies.sh --bench
	$(CARGO) build --release --locked --package mosquitto-dynsec --package dynsec-benches
	"$$($(CARGO) metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/bench" $(SUITES)

bench-stall: ## measure how long commands hold a real broker up, ours against theirs, as the longest gap of a 1 kHz publisher
	@$(MAKE) bench SUITES=stall

bench-brokers: ## measure whole brokers, 2.0.11 and 2.1.2, with no plugin, ours and theirs; as root
	@bash scripts/dependencies.sh --bench
	bash scripts/chroots.sh forky
	@$(MAKE) bench SUITES=brokers

bench-growth: ## check how many instructions checks take, and that none grow faster with a policy than they may
	@bash scripts/dependencies.sh --bench
	@$(MAKE) bench SUITES=growth

lint: ## check format, lints and scripts
	@bash scripts/dependencies.sh --lint
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	@# With a target named, its flags are not for what runs while others are built, and that is there already. Nothing is
	@# linked, so libFuzzer need not be built: any file will do for it.
	RUSTFLAGS='--cfg fuzzing' CUSTOM_LIBFUZZER_PATH=$(CURDIR)/fuzz/Cargo.toml $(CARGO) clippy \
	    --manifest-path fuzz/Cargo.toml --target "$$(rustc -vV | sed -n 's/^host: //p')" --target-dir target \
	    --all-targets --locked -- -D warnings
	shellcheck .ci/run scripts/*.sh docker/*.sh

fmt: ## format the code
	$(CARGO) fmt --all
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml

dependencies: ## install the Debian packages that are missing
	@bash scripts/dependencies.sh

clean: ## remove what was built; the policy in run/ stays
	$(CARGO) clean
