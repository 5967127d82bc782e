MAKEFLAGS += --no-print-directory
.PHONY: run test lint bench soak

# Installs what is missing, builds, starts the demo community.
run:
	@.ci/install run
	@echo "Building; the first time takes several minutes."
	@cargo build --release --quiet
	@cargo run --release --quiet -- demo

# Installs what is missing, runs every check and test in its short form.
test: lint
	@.ci/install test
	.ci/test

lint:
	@.ci/install run
	cargo fmt --check
	cargo clippy --quiet --all-targets -- -D warnings

# What we claim to be fast, measured.
bench:
	@.ci/install run
	cargo bench --bench mail

# The long forms of the stress and crash tests.
soak:
	@.ci/install test
	MAILSTEAD_SOAK=1 .ci/test --release --profile soak
