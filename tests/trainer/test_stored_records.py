"""Records that our encoder writes, read by TensorFlow alone."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import tensorflow as tf

from schemas.example import BytesColumn, FloatColumn, Int64Column, encode_examples, frame, one_each

IDS = [b"a", b"", "größe".encode()]
LENGTHS = [2, 0, 3]
TOKENS = np.array([2, -(2**63), 2**35, 1, 127], np.int64)
FLOATS = np.array([[0.0, -0.0], [np.inf, -np.inf], [np.nan, 1e-45], [3.4e38, 1.0], [0.1, -2.5]], np.float32)


def test_tensorflow_reads_what_was_written(tmp_path: Path) -> None:
    offsets = np.cumsum([0, *LENGTHS])
    records = encode_examples(
        {
            "id": BytesColumn(pa.array(IDS, pa.binary())),
            "t": Int64Column(TOKENS, offsets),
            "t/length": Int64Column(np.array(LENGTHS), one_each(3)),
            "x": FloatColumn(FLOATS.reshape(-1), offsets * 2),
        }
    )
    path = tmp_path / "a.tfrecord"
    path.write_bytes(b"".join(frame(records).to_pylist()))
    parse_spec = {
        "id": tf.io.FixedLenFeature([], tf.string),
        "t": tf.io.RaggedFeature(tf.int64),
        "t/length": tf.io.FixedLenFeature([], tf.int64),
        "x": tf.io.FixedLenSequenceFeature([2], tf.float32, allow_missing=True),
    }
    dataset = tf.data.TFRecordDataset([str(path)]).map(lambda record: tf.io.parse_single_example(record, parse_spec))
    read = list(dataset.as_numpy_iterator())
    assert [record["id"] for record in read] == IDS
    assert [record["t/length"] for record in read] == LENGTHS
    assert [record["t"].tolist() for record in read] == [TOKENS[:2].tolist(), [], TOKENS[2:].tolist()]
    assert [record["x"].shape for record in read] == [(2, 2), (0, 2), (3, 2)]
    assert np.concatenate([record["x"] for record in read]).tobytes() == FLOATS.tobytes()
