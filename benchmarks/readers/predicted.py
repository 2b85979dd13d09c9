"""How long predictions take: a model of ours from raw records, and the same network in Keras on padded arrays.

    python predicted.py DATA_DIR RAW.jsonl ROUNDS ONES SCRATCH_DIR

Bulk: ours from the file of raw records to one of predictions; `model.predict` on arrays that were made before the
clock began. Alone: the first ONES records, one a call, ours from the raw record. Prints the seconds of every round.
"""

import json
import sys
import time
from pathlib import Path

import keras
import numpy as np

from schemas.contract import read_contract
from schemas.formats.fields import fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.manifest import load_manifest
from schemas.model_inputs import ModelInputs
from schemas.predictions import prediction_schema
from schemas.records.unlabelled import unlabelled_spec, validate_unlabelled
from trainer import TrainerConfig, build_model, load
from trainer.prediction.output import opened_output
from trainer.saved import load_saved, write_model

CONFIG = TrainerConfig(bidirectional=False, pooling=("last",))
BATCH = 32  # the default of model.predict


def main(data, raw, rounds, ones, scratch):
    manifest, folder, output = load_manifest(data), Path(scratch) / "model", Path(scratch) / "predictions.jsonl"
    write_model(folder, build_model(manifest, CONFIG), read_contract(Path(data), manifest), CONFIG, {})
    records = [json.loads(line) for line in Path(raw).read_bytes().splitlines()]
    ids, lengths = encoded(load_saved(folder), raw)
    start = time.perf_counter()
    predictor = load(folder)
    load_seconds = time.perf_counter() - start
    start = time.perf_counter()
    predictor.predict(records[:1])
    first_seconds = time.perf_counter() - start
    plain = plain_network(predictor.model)
    whole = {
        "ours": lambda: write_predictions(predictor, raw, output),
        "padded to the longest of all": lambda: plain.predict(ids, batch_size=BATCH, verbose=0),
        "padded to the longest of each batch": lambda: by_batch(plain, ids, lengths),
    }
    alone = {
        "ours": lambda i: predictor.predict(records[i : i + 1]),
        "padded to the longest of all": lambda i: plain.predict(ids[i : i + 1], verbose=0),
        "not padded": lambda i: plain.predict(ids[i : i + 1, : lengths[i]], verbose=0),
    }
    by_batch(plain, ids[: 2 * BATCH], lengths[: 2 * BATCH])  # traced before the clock begins
    plain.predict(ids[:BATCH], batch_size=BATCH, verbose=0)
    bulk = timed({name: [run] for name, run in whole.items()}, int(rounds))
    warm = {name: [lambda run=run, i=i: run(i) for i in range(int(ones))] for name, run in alone.items()}
    timed(warm, 1)
    said = [list(entry["probabilities"].values()) for entry in predictor.predict(records)]
    difference = float(np.abs(np.array(said) - by_batch(plain, ids, lengths)).max())
    result = {"records": len(records), "steps": int(lengths.sum()), "longest": int(lengths.max())}
    costs = {"load_seconds": load_seconds, "first_seconds": first_seconds, "difference": difference}
    print(json.dumps({**result, **costs, "bulk": bulk, "alone": timed(warm, int(rounds))}))


def write_predictions(predictor, raw, output):
    """Writes the predictions for a file of raw records, as the command does."""
    with opened_output(output, prediction_schema(predictor.manifest)) as write:
        for table in predictor.predict_blocks(raw):
            write(table)


def encoded(saved, raw):
    """Returns the ids of all records, padded to the longest of them, and their lengths."""
    spec = unlabelled_spec(saved.manifest.spec)
    block = validate_unlabelled(parse_jsonl(Path(raw).read_bytes(), fields_of(spec, for_training=False)), spec)
    inputs = ModelInputs(block, saved.manifest, saved.vocabularies)
    return inputs.batch(np.arange(len(block)))["text"], inputs.lengths


def plain_network(model):
    """Returns the network as tutorials write it, with the weights of ours."""
    table, units = model.get_weights()[0].shape, CONFIG.units
    layers = [
        keras.layers.Embedding(*table, mask_zero=True),
        keras.layers.LSTM(units),
        keras.layers.Dense(model.task.outputs, activation="softmax"),
    ]
    plain = keras.Sequential([keras.Input([None], dtype="int32"), *layers])
    plain.set_weights(model.get_weights())
    return plain


def by_batch(plain, ids, lengths):
    """Predicts as `predict` does, for batches that are padded to their own longest record."""
    starts = range(0, len(ids), BATCH)
    return np.concatenate([plain.predict_on_batch(ids[i : i + BATCH, : lengths[i : i + BATCH].max()]) for i in starts])


def timed(runs, rounds):
    """Returns the seconds of every call, by round; the rounds are interleaved."""
    seconds = {name: [] for name in runs}
    for _ in range(rounds):
        for name, calls in runs.items():
            for call in calls:
                start = time.perf_counter()
                call()
                seconds[name].append(time.perf_counter() - start)
    return seconds


if __name__ == "__main__":
    main(*sys.argv[1:])
