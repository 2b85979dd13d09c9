"""TF Transform: full-pass analysis and a transform graph over record batches, on Beam.

    python tf_transform.py IN.jsonl OUT_DIR

Stands for the nearest relative of the project: the vocabulary, the length histogram and the ids come
from one preprocessing function. Writes `tf.train.Example` TFRecords, unbucketed: it has no such step.
"""

import json
import sys
import tempfile
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.options.pipeline_options import PipelineOptions
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders import example_coder
from tfx_bsl.tfxio import tensor_adapter

TOP_K = 50_000
SCHEMA = pa.schema([("text", pa.list_(pa.binary())), ("label", pa.list_(pa.int64()))])


def to_record_batch(lines):
    records = [json.loads(line) for line in lines]
    texts = [[record["text"].encode()] for record in records]
    labels = [[record["label"]] for record in records]
    return pa.record_batch([texts, labels], schema=SCHEMA)


def scalar(column):
    text = f'dense_tensor {{ column_name: "{column}" shape {{}} }}'
    return text_format.Parse(text, schema_pb2.TensorRepresentation())


def preprocess(inputs):
    tokens = tf.strings.split(tf.strings.lower(inputs["text"]))
    lengths = tokens.row_lengths()
    tft.count_per_key(tf.strings.as_string(lengths), key_vocabulary_filename="lengths")
    ids = tft.compute_and_apply_vocabulary(
        tokens.to_sparse(), top_k=TOP_K, num_oov_buckets=1, vocab_filename="vocabulary"
    )
    return {"tokens": ids, "length": lengths, "label": inputs["label"]}


def main(source, output):
    config = tensor_adapter.TensorAdapterConfig(SCHEMA, {name: scalar(name) for name in SCHEMA.names})
    with (
        tempfile.TemporaryDirectory() as scratch,
        beam.Pipeline(options=PipelineOptions([], runner="FnApiRunner")) as pipeline,
        tft_beam.Context(temp_dir=scratch),
    ):
        raw = pipeline | beam.io.ReadFromText(source) | beam.BatchElements(500, 2_000) | beam.Map(to_record_batch)
        (transformed, _), function = (raw, config) | tft_beam.AnalyzeAndTransformDataset(
            preprocess, output_record_batches=True
        )
        _ = function | tft_beam.WriteTransformFn(f"{output}/transform")
        _ = (
            transformed
            | beam.FlatMapTuple(lambda batch, _: example_coder.RecordBatchToExamples(batch))
            | beam.io.WriteToTFRecord(f"{output}/examples")
        )


if __name__ == "__main__":
    Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
    main(sys.argv[1], sys.argv[2])
