# The habits of this project. Each target makes what it needs.
.POSIX:
.PHONY: build demo test bench lint generated man musl deb figures

build:
	cargo build --release

# A real stack on a real engine, with proof.
demo:
	scripts/demo.sh

# All tests; the engine is found or made first. Where Docker Compose is installed, projects are handed over to and fro.
test:
	engine=$$(scripts/engine.sh) && \
	peer=$${RCOMPOSE_TEST_PEER-$$(docker compose version >/dev/null 2>&1 && echo docker compose || :)} && \
	RCOMPOSE_TEST_ENGINE=$$engine RCOMPOSE_TEST_PEER=$$peer cargo test

# Side by side with Docker Compose: PEER="docker compose" unless set.
bench: build
	benches/compare.py

lint:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings

# Completions, docs/compatibility.md and docs/lint.md, the tables of README and docs/architecture.md.
generated:
	RCOMPOSE_UPDATE=1 cargo test --test tidy

# The pages of the manual, in target/man.
man:
	rm -rf target/man
	RCOMPOSE_MAN=$$PWD/target/man cargo test --test tidy man_pages

# The program without any library of the system. Needs a C compiler for musl (musl-tools) and, of Rust,
# `rustup target add`.
musl:
	cargo build --release --target $$(uname -m)-unknown-linux-musl

# A package for Debian and its kin, in target/deb.
deb: build man
	scripts/deb.sh

# What the README says of the size.
figures: build musl
	scripts/figures.sh
