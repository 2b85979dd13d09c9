"""Beam as most people write it: one Python call per record or token, one write branch per bucket.

    python per_element_beam.py IN.jsonl OUT_DIR

Stands for the pipeline that tutorials lead to. Writes `SequenceExample` TFRecords in eight files by
length, and the length histogram. The engine is the one that the project uses locally by default.
"""

import bisect
import json
import sys
from pathlib import Path

import apache_beam as beam
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions

TOP_K = 50_000
BOUNDARIES = [16, 32, 64, 128, 256, 512, 1024]


def tokenize(line):
    record = json.loads(line)
    return record["text"].lower().split(), record["label"]


def number(tokens_by_count):
    return {token: rank + 2 for rank, (token, _) in enumerate(tokens_by_count)}


def encode(record, vocabulary):
    tokens, label = record
    return [vocabulary.get(token, 1) for token in tokens], label


def int64_feature(value):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def serialize(record):
    ids, label = record
    context = {"label": int64_feature(label), "length": int64_feature(len(ids))}
    steps = tf.train.FeatureList(feature=[int64_feature(token) for token in ids])
    example = tf.train.SequenceExample(
        context=tf.train.Features(feature=context), feature_lists=tf.train.FeatureLists(feature_list={"tokens": steps})
    )
    return bisect.bisect_right(BOUNDARIES, len(ids)), example.SerializeToString()


def main(source, output):
    with beam.Pipeline(options=PipelineOptions([], runner="FnApiRunner")) as pipeline:
        records = pipeline | beam.io.ReadFromText(source) | beam.Map(tokenize)
        vocabulary = (
            records
            | "Tokens" >> beam.FlatMap(lambda record: record[0])
            | "CountTokens" >> beam.combiners.Count.PerElement()
            | beam.combiners.Top.Of(TOP_K, key=lambda pair: (pair[1], pair[0]))
            | beam.Map(number)
        )
        _ = (
            records
            | "Lengths" >> beam.Map(lambda record: len(record[0]))
            | "CountLengths" >> beam.combiners.Count.PerElement()
            | beam.combiners.ToList()
            | "Lines" >> beam.Map(json.dumps)
            | beam.io.WriteToText(f"{output}/lengths.json", shard_name_template="")
        )
        examples = records | beam.Map(encode, beam.pvalue.AsSingleton(vocabulary)) | beam.Map(serialize)
        for bucket in range(len(BOUNDARIES) + 1):
            _ = (
                examples
                | f"Filter{bucket}" >> beam.Filter(lambda pair, bucket=bucket: pair[0] == bucket)
                | f"Values{bucket}" >> beam.Values()
                | f"Write{bucket}" >> beam.io.WriteToTFRecord(f"{output}/bucket-{bucket}", num_shards=1)
            )


if __name__ == "__main__":
    Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
    main(sys.argv[1], sys.argv[2])
