# make setup | demo | test | test-keras | prism-test | flink-test | kafka-test | check | bench | soak | generate | clean
# Needs Linux, Python 3.11 or newer and the package index; everything else goes into .venv.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: setup demo test test-keras prism-test flink-test kafka-test check bench soak generate clean

setup: $(READY)

$(READY): setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(READY)
	@$(BIN)/python examples/python_functions/demo.py

test: $(READY)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

# With the oldest Keras of setup.py, the newest one and the one to come; another with KERAS=keras==3.14.0.
test-keras: $(READY)
	@$(BIN)/python tools/test_keras.py $(KERAS)

# On Prism, a runner written in Go: builds it into .engines (some minutes, the first time). Needs go.
prism-test: $(READY)
	@$(BIN)/python -m tests.engines.prism $(PRISM)

# On Flink with two task managers, of which some are killed; needs Java 17 and Maven, and some 600 MB for .engines.
# On records of your own: make flink-test FLINK='--input FILE --spec FILE'; a part of it: make flink-test FLINK=--short.
flink-test: $(READY)
	@$(BIN)/python -m tests.engines.flink $(FLINK)

# Reads a Kafka broker, which is killed and restarted; needs Java 17 and Maven, and some 90 MB for .engines.
kafka-test: $(READY)
	@$(BIN)/python -m tests.engines.kafka $(KAFKA)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tools/generate_protobuf.py --check
	$(BIN)/python tools/generate_unicode.py --check

bench: $(READY)
	$(BIN)/python benchmarks/all.py

# Damages 100,000 small files and reads them; more with make soak SOAK='--inputs 1000000 --seed 2'.
# Then flips 2,000 bits in the files of a data set; more with make soak FLIPS='--flips 20000 --seed 2'.
# Then kills runs over epochs 100 times; more with make soak KILLS='--kills 1000 --seed 2'.
# Then kills trainings 30 times; more with make soak TRAININGS='--kills 300 --seed 2'.
# Then kills runs of the pipeline 200 times, flips bits, fills disks; more with make soak CRASHES='--kills 2000 --seed 2'.
# Then searches for records and layers of which a graph says otherwise, and tries every code point.
soak: $(READY)
	@$(BIN)/python -m tests.fuzz.soak $(SOAK)
	@$(BIN)/python -m tests.fuzz.flips $(FLIPS)
	@$(BIN)/python -m tests.trainer.batches.resuming $(KILLS)
	@$(BIN)/python -m tests.trainer.training.killing $(TRAININGS)
	@$(BIN)/python -m tests.pipeline.crashes.killing $(CRASHES)
	@$(BIN)/python -m pytest --hypothesis-profile=search tests/trainer/export tests/trainer/conversion

generate: $(READY)
	$(BIN)/python tools/generate_protobuf.py

clean:
	rm -rf .venv .engines .keras .demo .bench .soak build dist *.egg-info
