"""Run by itself, in a process that has TensorFlow and nothing of this package: asks an export, and keeps its answers.

Arguments: EXPORT_DIR, and a folder of questions, QUESTIONS/<number>/<signature>/<argument>, each file a serialized
tensor. Writes QUESTIONS/<number>/<signature>/answers/<output>, and says on standard output, as JSON, how long it took
to load, how long one record takes, and which versions there were.
"""

import importlib.util
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

OURS = ("trainer", "schemas", "pipeline")
_CALLS = 30


class _Absent:
    """Makes our packages impossible to import, wherever they are installed."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name.split(".")[0] in OURS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def main(export: str, questions: str) -> None:
    """Answers all questions."""
    finder: Any = _Absent()
    sys.meta_path.insert(0, finder)
    import tensorflow as tf

    start = time.perf_counter()
    loaded = tf.saved_model.load(export)
    seconds = time.perf_counter() - start
    for folder in sorted(Path(questions).glob("*/*")):
        ask = loaded.signatures[folder.name]
        given = _arguments(tf, ask, folder)
        (folder / "answers").mkdir()
        for name, values in ask(**given).items():
            (folder / "answers" / name).write_bytes(tf.io.serialize_tensor(values).numpy())
    latency = [_latency(tf, loaded, folder) for folder in sorted(Path(questions).glob("*/serving_default"))[:1]]
    said = {
        "load_seconds": round(seconds, 3),
        "milliseconds_one_record": latency[0] if latency else None,
        "tensorflow": tf.__version__,
        "gpus": len(tf.config.list_physical_devices("GPU")),
        "ours": [name for name in OURS if name in sys.modules or _importable(name)],
    }
    print(json.dumps(said))


def _arguments(tf: Any, ask: Any, folder: Path) -> dict[str, Any]:
    specs = ask.structured_input_signature[1]
    return {name: tf.io.parse_tensor((folder / name).read_bytes(), spec.dtype) for name, spec in specs.items()}


def _latency(tf: Any, loaded: Any, folder: Path) -> float:
    """Returns the median of the milliseconds that the first record takes by itself."""
    ask = loaded.signatures[folder.name]
    one = {name: values[:1] for name, values in _arguments(tf, ask, folder).items()}
    took = []
    for _ in range(_CALLS):
        start = time.perf_counter()
        ask(**one)
        took.append(time.perf_counter() - start)
    return round(1000 * statistics.median(took), 3)


def _importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


if __name__ == "__main__":
    main(*sys.argv[1:])
