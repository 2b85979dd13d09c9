"""Opens a data set with TensorFlow Data Validation and TensorFlow Datasets, and compares what they find in it.

Neither is a dependency, and no one environment holds both, so nothing runs this by itself. It needs nothing of this
package, and says what it leaves out:

    python -m pipeline run --spec SPEC --input PATTERN --output DIR
    python tools/tfds_view.py DIR VIEW

    python3.11 -m venv tfdv && tfdv/bin/pip install "tensorflow==2.16.2" "tensorflow-metadata==1.16.1" \
        "apache-beam==2.59.0" "pyarrow==10.0.1" "pandas<2" "numpy<2" "protobuf<4.26" joblib \
        "pyfarmhash<0.4" "setuptools<81"
    tfdv/bin/pip install --no-deps "tfx-bsl==1.16.1" "tensorflow-data-validation==1.16.1" "google-api-python-client<2"
    tfdv/bin/python tools/check_standard_form.py DIR

    python3.11 -m venv tfds && tfds/bin/pip install tensorflow tensorflow-datasets
    tfds/bin/python tools/check_standard_form.py DIR --view VIEW
"""

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

SEQUENCES = "##SEQUENCE##"


def main() -> int:
    """Returns 0 where all that could be looked at is as it should be, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path, help="folder of a data set")
    parser.add_argument("--view", type=Path, help="what tools/tfds_view.py made of it")
    arguments = parser.parse_args()
    manifest = json.loads((arguments.dataset / "manifest.json").read_text())
    problems, checked = [], 0
    if _installed("tensorflow_data_validation"):
        problems += check_with_tfdv(arguments.dataset, manifest)
        checked += 1
    if arguments.view and _installed("tensorflow_datasets"):
        problems += check_with_tfds(arguments.view, manifest)
        checked += 1
    for problem in problems:
        print(problem)
    print(f"{checked} libraries looked at it, {len(problems)} problems")
    return 1 if problems or not checked else 0


def check_with_tfdv(dataset: Path, manifest: dict[str, Any]) -> list[str]:
    """Returns where the written statistics do not fit the schema, or what TFDV itself counts in the shards."""
    import tensorflow_data_validation as tfdv

    statistics = tfdv.load_stats_binary(str(dataset / "statistics" / "features.pb"))
    schema = tfdv.load_schema_text(str(dataset / "statistics" / "schema.pbtxt"))
    problems = []
    for ours in statistics.datasets:
        counted = _count(dataset, manifest, ours.name, schema)
        for what, some in (("written statistics", type(statistics)(datasets=[ours])), ("shards", counted)):
            for name, info in tfdv.validate_statistics(some, schema).anomaly_info.items():
                problems.append(f"{ours.name}: {what}: {name}: {info.description}")
        problems += _differences(ours, counted.datasets[0])
    return problems


def check_with_tfds(view: Path, manifest: dict[str, Any]) -> list[str]:
    """Returns where what TensorFlow Datasets reads is not what the manifest says."""
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(str(view))
    problems = []
    for split, statistics in manifest["statistics"].items():
        records, steps = 0, dict.fromkeys(statistics["lengths"], 0)
        for record in builder.as_dataset(split=split):
            records += 1
            for name in steps:
                steps[name] += int(record[f"{name}/length"])
        wanted = {name: lengths.get("steps", 0) for name, lengths in statistics["lengths"].items()}
        if (records, steps) != (statistics["records"], wanted):
            problems.append(f"{split}: TFDS reads {records} records, {steps} steps; {statistics['records']}, {wanted}")
    return problems


def _count(dataset: Path, manifest: dict[str, Any], split: str, schema: Any) -> Any:
    """Returns the statistics that TFDV makes of the shards of a split."""
    import tensorflow as tf
    from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
    from tensorflow_data_validation.statistics.stats_options import StatsOptions
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder
    from tfx_bsl.coders.sequence_example_coder import SequenceExamplesToRecordBatchDecoder

    paths = [str(dataset / shard["path"]) for shard in manifest["shards"] if shard["split"] == split]
    records = [record.numpy() for record in tf.data.TFRecordDataset(paths)]
    listed = manifest["spec"].get("stored_as") == "sequence_example"
    decoder = SequenceExamplesToRecordBatchDecoder(SEQUENCES.encode()) if listed else ExamplesToRecordBatchDecoder()
    return generate_statistics_in_memory(decoder.DecodeBatch(records), StatsOptions(schema=schema))


def _differences(ours: Any, theirs: Any) -> list[str]:
    counted = {tuple(feature.path.step): feature for feature in theirs.features}
    problems = []
    for feature in ours.features:
        other = counted.get(tuple(feature.path.step))
        where = f"{ours.name}: {feature.path.step[-1]}"
        if other is None:
            problems.append(f"{where}: TFDV finds no such feature")
            continue
        filled = any(statistic.name == "missing" and statistic.num for statistic in feature.custom_stats)
        left, right = _facts(feature, filled), _facts(other, filled)
        problems += [
            f"{where}: {key}: {left[key]} written, TFDV counts {right.get(key)}"
            for key in left
            if left[key] != right.get(key)
        ]
    return problems


def _facts(feature: Any, filled: bool) -> dict[str, Any]:
    """Returns what both sides state: where numbers were filled in, ours leave them out and TFDV cannot."""
    kind = "num_stats" if feature.HasField("num_stats") else "string_stats"
    statistics = getattr(feature, kind)
    common = statistics.common_stats
    facts: dict[str, Any] = {
        "type": feature.type,
        "kind": kind,
        "records": common.num_non_missing,
        "values": (common.min_num_values, common.max_num_values, common.tot_num_values),
    }
    if kind == "num_stats" and not filled:
        facts["mean"] = f"{statistics.mean:.6g}"
        facts["deviation"] = f"{statistics.std_dev:.4g}"
        facts["range"] = (statistics.min, statistics.max, statistics.num_zeros)
    return facts


def _installed(module: str) -> bool:
    found = importlib.util.find_spec(module) is not None
    if not found:
        print(f"{module} is not installed and is left out", file=sys.stderr)
    return found


if __name__ == "__main__":
    sys.exit(main())
