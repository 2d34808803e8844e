# Every target bootstraps itself: a bare machine needs Python 3.11, make and the package index.
PYTHON ?= python3
VENV := .venv
export UV_PYTHON_DOWNLOADS := never
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# What proving and the comparisons use, by the names of Debian's packages; then what only some of the tests marked real
# use: servers in the place of a stack's own, other processors, runners without root.
PACKAGES := binutils bubblewrap buildah debian-archive-keyring docker-registry docker.io gpgv iproute2 iptables libgl1 \
	libglib2.0-0 mmdebstrap podman python3-venv redis-server runc skopeo umoci
MORE_PACKAGES := mariadb-server memcached postgresql qemu-user-static rabbitmq-server slirp4netns strace uidmap
APT := $(if $(filter 0,$(shell id -u)),,sudo )env DEBIAN_FRONTEND=noninteractive apt-get -qq

.PHONY: help machine machine-all setup test check fmt lock demo clean real real-core

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/'

machine:  ## Debian's packages that `demo` and `real` use: runners, a broker, registries (asks for root)
	$(APT) update
	$(APT) install --yes --no-install-recommends $(PACKAGES) >/dev/null

machine-all: machine  ## and what all of `real` uses: other servers, other processors, runners without root
	$(APT) install --yes --no-install-recommends $(MORE_PACKAGES) >/dev/null

setup: $(READY)  ## the command, at .venv/bin/careen

$(READY): requirements/uv.txt requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements/dev.txt
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --editable .
	$(BIN)/python -m compileall -q src/careen
	@touch $(READY)

test: setup  ## the tests that need nothing but this folder and the package index
	$(BIN)/pytest -n auto -m "not real"

real: setup  ## compare with docker, skopeo, umoci, runc, dpkg-deb, uv where they are installed
	$(BIN)/pytest -m real

real-core: setup  ## the part of real that every change must pass: docker, registries, other tools, a proof
	$(BIN)/pytest -m real tests/real/keel tests/real/oci tests/real/prove/test_healthy.py

check: setup  ## what a change must pass: format, lint, types, import contracts, generated files, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test

fmt: setup  ## put the code in its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

demo: setup  ## the example, before and after: run it as it is, then haul it ashore into out/shelf
	cd examples/shelf && $(CURDIR)/$(BIN)/uv sync --quiet
	cd examples/shelf && .venv/bin/python scripts/try_stack.py
	rm -rf out/shelf
	$(BIN)/careen overhaul examples/shelf --into out/shelf

lock: setup  ## pin the tools again, without naming where they come from
	echo uv==$$($(BIN)/uv --version | cut -d' ' -f2) | $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate -o requirements/uv.txt -
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 --group dev pyproject.toml -o requirements/dev.txt

clean:  ## forget the environment and every cache in this folder
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache out
