# `make run` opens the assistant on the sample documents, `make test` runs the tests; both set up .venv.
VENV ?= .venv
PYTHON ?= $(shell for p in python3.12 python3.11 python3.13 python3; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
# llama.cpp is compiled here: with CUDA where this machine has a GPU and a compiler for it.
CMAKE_ARGS ?= $(shell nvidia-smi -L >/dev/null 2>&1 && command -v nvcc >/dev/null && echo -DGGML_CUDA=on)
export CMAKE_ARGS
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(shell getconf _NPROCESSORS_ONLN)
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test test-slow lint format screenshots sample-documents bench clean

run: $(READY)
	@$(BIN)/ragopt-tui --docs sample_docs

test: $(READY)
	$(BIN)/pytest -n auto --maxprocesses 8 --dist worksteal

test-slow: $(READY)
	$(BIN)/pytest -m slow

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

screenshots: $(READY)
	$(BIN)/python recipes/screenshots/make_screenshots.py

sample-documents: $(READY)
	$(BIN)/python recipes/sample_docs/make_documents.py

bench: $(READY)
	for name in answers follow_ups figures indexing_throughput indexing_memory resync search_latency startup event_loop conversations library pdf_tables generation_overhead switching scope retrieval_stages retrieval_cost merging training_curves training_tab training_throughput finetuning verification_time sabotage; do echo "== $$name"; $(BIN)/python -m benchmarks.$$name || exit 1; done

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or run make with PYTHON=/path/to/python."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Setting up $(VENV); the first time llama.cpp is compiled, which takes 5 to 10 minutes."
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@$(BIN)/ragopt-tui convert --fetch-converter || echo "Without it models cannot be made GGUF files; all else works."
	@touch $(READY)

clean:
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
