# Two commands do it all on a fresh machine: make book, make test.
PYTHON ?= python3
BIN := .venv/bin
BOOK := _build/html/book/index.html
# Two threads that wait for each other crawl when another process has one of the two cores.
ONE_THREAD := OMP_NUM_THREADS=1
NOTEBOOKS := $(sort $(wildcard book/$(CHAPTER)*.ipynb))

.PHONY: book test run sync status lint links serve clean

book: .venv/ready  ## render the book, strictly
	$(BIN)/jupyter-book build . -W -n --keep-going
	@echo "The book is at $(BOOK). Diagrams and search want a server: make serve"

test: book  ## every test, then every notebook again from its first cell
	$(ONE_THREAD) $(BIN)/pytest tests
	TQDM_DISABLE=1 $(ONE_THREAD) $(BIN)/pytest -n 2 --dist loadscope -p no:cacheprovider \
		--nbval-lax --nbval-current-env --nbval-cell-timeout=900 --durations=8 \
		--junitxml=_build/notebooks.xml $(NOTEBOOKS)

run: .venv/ready  ## execute notebooks in place; CHAPTER=02 for one
	TQDM_DISABLE=1 $(BIN)/jupyter nbconvert --to notebook --execute --inplace \
		--ExecutePreprocessor.timeout=1800 --ExecutePreprocessor.record_timing=False \
		--ExecutePreprocessor.store_widget_state=False --log-level=ERROR $(NOTEBOOKS)

sync: .venv/ready  ## write the parts into the notebooks that carry them
	$(BIN)/python tools/sync.py

status: .venv/ready  ## what the status page says, from the last make test
	$(BIN)/python tools/status.py

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

links: .venv/ready  ## does every link still lead somewhere?
	$(BIN)/jupyter-book build . --builder linkcheck

serve: book  ## look at the book on this machine
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html 8000

clean:
	rm -rf _build .venv

# The last line marks the environment as whole; without it, the next call starts from nothing.
.venv/ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "This book needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 book"; exit 1; }
	@test -e $@ || $(PYTHON) -m venv --clear .venv
	@rm -f $@
	$(BIN)/pip install -q -r requirements.txt
	cd .venv && bin/npm pack --silent mermaid@11.12.1 axe-core@4.11.0 >/dev/null && mkdir -p js/mermaid && \
		tar -xzf mermaid-*.tgz -C js/mermaid --strip-components=2 --exclude='*.map' \
			package/dist/mermaid.esm.min.mjs package/dist/chunks/mermaid.esm.min && \
		tar -xzf axe-core-*.tgz --strip-components=1 package/axe.min.js && rm ./*.tgz
	@touch $@
