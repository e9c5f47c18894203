# Where commands are spelt: README, CONTRIBUTING, CI and .ci/run call these targets. (For systems without make,
# check.yml repeats four of them, and a test compares.)

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PACKAGE_TESTS := $(patsubst %,tests/test_%.py,loops tiling corr winograd conv layer cost runtime validation oracles tf32 arithmetic figures summary exercises feedback)
PORT   ?= 8000

# What programs keep in a home that cannot be written to, they keep here.
ifneq ($(shell test -w "$$HOME" || { mkdir -p _build/home && echo no; }),)
    export HOME := $(CURDIR)/_build/home
endif

# Two at once would build into the same folder. The lock names the make that holds it, and ends with that process.
LOCK   := _build/.lock
SHARED := book serve test copies test-package test-notebooks test-clients test-thorough verify repeats slides pdf students \
          picture dist corrupt
ifneq ($(filter $(SHARED),$(MAKECMDGOALS)),)
    HOLDER := $(shell mkdir -p _build; ln -s $$PPID $(LOCK) 2>/dev/null && exit; pid=$$(readlink $(LOCK)); \
        kill -0 "$$pid" 2>/dev/null && { [ ! -d /proc/self ] || grep -q make /proc/$$pid/comm; } && echo $$pid \
        || ln -sfn $$PPID $(LOCK))
    ifneq ($(HOLDER),)
        $(error make (process $(HOLDER)) is at work in this folder: wait for it, or stop it)
    endif
endif

# What many programs bury, when they fail for it.
OR_SAY := || { df -Pk . | awk 'END { if ($$4 < 50000) print "--- the disk is full: " $$4 " kB are left" }'; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help book serve port test copies test-package test-notebooks test-gpu test-clients test-thorough verify repeats notebooks lint links bench bench-site slides pdf bank students picture dist corrupt mutants audit licences address clean
.DELETE_ON_ERROR:

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

book: $(READY)  ## build the site into _build/html
	@echo "--- building the site"
	rm -rf _build/html _build/.doctrees
	@$(BIN)/jupyter-book build book --config _config.yml --toc "$(CURDIR)/_toc.yml" \
	    --path-output . -W -n --keep-going --quiet $(OR_SAY)
	@echo "--- the site is in _build/html; make serve shows it"

serve: port book  ## build the site and show it on http://localhost:8000, or with PORT=8001 there
	@rm -f $(LOCK)  # so that make book can build it anew meanwhile
	$(BIN)/python -m http.server $(PORT) --bind localhost --directory _build/html

port:  # before the build, not after
	@"$(PYTHON)" -c "import socket; socket.create_server(('localhost', $(PORT)))" 2>/dev/null \
	    || { echo "port $(PORT) is taken: make serve PORT=$$(($(PORT) + 1))"; exit 1; }

test: book test-notebooks test-package  ## run everything that must hold

copies:  # the notebooks, in a folder without the repository around them, as Colab has them
	rm -rf _build/alone && mkdir -p _build/alone && cp book/*.ipynb _build/alone

test-notebooks: $(READY) copies
	@echo "--- re-computing every stored output"
	@$(BIN)/python -m pytest -p tests.nbval_settings --numprocesses=2 --dist=loadscope _build/alone $(OR_SAY)

test-package: $(READY)
	@echo "--- testing the package, the notebooks' hygiene and the site"
	@$(BIN)/python -m pytest --doctest-modules --numprocesses=2 --dist=loadscope --no-loadscope-reorder d2lconv tests $(OR_SAY)

test-clients: $(READY) copies  ## open the notebooks in JupyterLab, nbconvert, jupytext and papermill
	$(BIN)/python -m venv _build/clients  # their own, on top of ours
	$(BIN)/python -c "import site; print('import site; site.addsitedir(%r)' % site.getsitepackages()[0])" \
	    > "$$(_build/clients/bin/python -c "import site; print(site.getsitepackages()[0])")/ours.pth"
	_build/clients/bin/python -m pip install --quiet "jupyterlab>=4,<5" "jupytext>=1.16,<2" "papermill>=2.6,<3"
	_build/clients/bin/python -m pytest tests/clients.py

test-thorough: export THOROUGH = 1
test-thorough: book test-package  ## test with all that make test takes only some of (half an hour)

test-gpu: copies  ## run package tests and notebooks on CUDA, in the environment that $(PYTHON) has
	D2LCONV_DEVICE=cuda "$(PYTHON)" -c "import d2lconv; print('on', d2lconv.default_device())"
	D2LCONV_DEVICE=cuda "$(PYTHON)" -m pytest -m "not peers" --doctest-modules d2lconv $(PACKAGE_TESTS)
	rm -f _build/cuda.xml
	-D2LCONV_DEVICE=cuda "$(PYTHON)" -m pytest -p tests.nbval_settings --junitxml=_build/cuda.xml _build/alone
	"$(PYTHON)" -m tools.notebooks record cuda _build/cuda.xml  # says how many cells differ, and fails if one does

verify: $(READY) copies  ## run the notebooks on the CPU, and write the result into book/verified.json
	rm -f _build/cpu.xml
	-D2LCONV_DEVICE=cpu $(BIN)/python -m pytest -p tests.nbval_settings --junitxml=_build/cpu.xml --numprocesses=2 --dist=loadscope _build/alone
	$(BIN)/python -m tools.notebooks record cpu _build/cpu.xml  # says how many cells differ, and fails if one does

repeats: $(READY) copies  ## run every notebook 50 times on the CPU, in random order, and write the result there (half an hour)
	D2LCONV_DEVICE=cpu $(BIN)/python -m tools.notebooks repeat 50 _build/alone
	$(BIN)/python -m tools.notebooks record repeats _build/alone/*.xml

notebooks: $(READY)  ## run every notebook and store its outputs; with MEASURE=1 new timings, too
	D2LCONV_DEVICE=cpu $(BIN)/python -m tools.notebooks $(if $(MEASURE),measure,store) $(or $(NOTEBOOKS),book/*.ipynb)

lint: $(READY)  ## check code, types, notebooks, workflows and metadata
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/zizmor --offline --pedantic --quiet .
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema custom.github-workflows-require-timeout .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions .github/actions/*/action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
	@if command -v actionlint; then actionlint; else echo "actionlint is not here: CI runs it"; fi

bench-site: $(READY)  ## compare the site's weight and speed with a stock Jupyter Book's
	$(BIN)/python -m pip install --quiet sphinx-mathjax-offline  # MathJax from here, so that nothing is fetched
	$(BIN)/python -m benchmarks.site

bench: $(READY)  ## measure against torch, print the table and store it for the chapter `speed`
	$(BIN)/python benchmarks/ops.py

links: $(READY)  ## try every link to another site
	$(BIN)/jupyter-book build book --config _config.yml --toc "$(CURDIR)/_toc.yml" \
	    --path-output . --builder linkcheck --quiet

address:  ## write the repository's address everywhere: make address REPO=owner/name
	"$(PYTHON)" -m tools.address $(REPO)

slides: book  ## build a deck of slides for each chapter, with the site, into _build/html/slides

pdf: book  ## print the whole book into _build/html/book.pdf
	$(BIN)/python -m tools.pdf _build/html/book.pdf

bank: $(READY)  ## write the questions for Moodle (GIFT) and Canvas (QTI) into _build/bank
	$(BIN)/python -m tools.bank _build/bank

students: $(READY)  ## write the student edition, without answers, into _build/students: site, PDF, exercises
	@echo "--- writing the student edition"
	$(BIN)/python -m tools.students _build/students
	$(BIN)/jupyter-book build _build/students/book --config _build/students/_config.yml \
	    --toc "$(CURDIR)/_build/students/_toc.yml" --path-output _build/students -W -n --keep-going --quiet
	mv _build/students/_build/html _build/students/site
	cp _build/students/book/exercises.ipynb _build/students
	$(BIN)/python -m tools.pdf _build/students/book.pdf _build/students/site _build/students/_toc.yml
	rm -rf _build/students/_build _build/students/book _build/students/_*.yml

picture: book  ## make the pictures of the README and of the landing page
	$(BIN)/python -m tools.pdf pictures

dist: $(READY)  ## build sdist and wheel into dist/, and run the README's example from each, in an empty environment
	rm -rf dist
	mkdir -p _build
	$(BIN)/python -m build --outdir dist
	$(BIN)/python -m pip freeze --exclude-editable > _build/frozen.txt
	sed -n '/^```python/,/^```/{/^```/!p;}' README.md > _build/example.py
	echo 'print(len(d2l.explore()._repr_html_()), "characters of explorer")' >> _build/example.py
	"$(PYTHON)" -m venv --clear _build/dist
	_build/dist/bin/python -I -m pip install --quiet --constraint _build/frozen.txt dist/*.whl
	cd _build && dist/bin/python -I -W error example.py
	_build/dist/bin/python -I -m pip install --quiet --no-deps --force-reinstall dist/*.tar.gz
	cd _build && dist/bin/python -I -W error example.py

corrupt: $(READY)  ## change every number of the book, one at a time, and show that it is noticed
	rm -rf _build/corrupt && mkdir -p _build/corrupt && cp book/*.ipynb _build/corrupt
	$(BIN)/python -m tools.corrupt outputs _build/corrupt
	$(BIN)/python -m tools.corrupt prose

mutants: $(READY)  ## change the package in one place at a time, and show that a test fails (hours)
	$(BIN)/python -m tools.mutants $(MODULES)

audit: $(READY)  ## look for known vulnerabilities in what is installed (needs the network)
	"$(PYTHON)" -m venv _build/audit  # its own, since it brings twenty packages that nobody else needs
	_build/audit/bin/python -m pip install --quiet "pip-audit>=2.9,<3"
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+[a-z0-9.]*$$//' > _build/frozen.txt
	_build/audit/bin/pip-audit --requirement _build/frozen.txt --no-deps --disable-pip --strict

licences: $(READY)  ## list the licence of everything that is installed
	"$(PYTHON)" -m venv _build/licences  # its own, so that it does not list itself
	_build/licences/bin/python -m pip install --quiet "pip-licenses>=5,<6"
	@_build/licences/bin/pip-licenses --python=$(BIN)/python

clean:  ## remove everything that can be made again
	rm -rf $(VENV) _build dist

$(READY): requirements.txt requirements-no-deps.txt pyproject.toml
	@echo "--- installing into $(VENV), once"
	"$(PYTHON)" -c "import sys; sys.version_info >= (3, 10) or sys.exit('Python 3.10 or newer is needed')"
	"$(PYTHON)" -m venv --upgrade-deps $(VENV)  # the newest pip is the fastest; what is imported, Python compiles
	@$(BIN)/python -m pip install --no-compile --requirement requirements.txt $(OR_SAY)
	$(BIN)/python -m pip install --no-compile --no-deps --requirement requirements-no-deps.txt
	touch $@
