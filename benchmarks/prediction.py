"""Times predictions for raw records, many at once and one at a time, beside `model.predict` on padded arrays.

    python benchmarks/prediction.py [--records 2000] [--rounds 3] [--write]

The network is the same: an embedding, an LSTM forward, its last real step, a dense layer; so are the weights, which
are random. Lengths are those of the corpus. Rounds are interleaved, so that what else the machine does meets all alike;
a ratio is that of medians.
"""

import os
import statistics
import sys
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from environments import machine, package_versions
from measure import CommandFailedError
from peers import command_parser, positive, prepare_corpus
from report import table, write_section
from worker import prepare_data, run_reader

OURS, LONGEST = "ours", "padded to the longest of all"
TRAINED_ON = 100_000  # records whose vocabulary the model has
ONES = 20  # records that are predicted one at a time, in each round
HOW = {
    OURS: "from raw records to predictions",
    LONGEST: "`model.predict` on arrays that are there already",
    "padded to the longest of each batch": "`model.predict_on_batch`, 32 records at a time in their order",
    "not padded": "`model.predict` on the array of the record alone",
}


def measure_predictions(records: int, cache: Path, rounds: int) -> dict[str, Any]:
    """Returns what readers/predicted.py says.

    Args:
      records: Of the corpus, to predict for.
      cache: Folder of corpora and data sets.
      rounds: Of each way.

    Raises:
      CommandFailedError: A process failed.
    """
    source, _ = prepare_corpus(TRAINED_ON, cache)
    data = prepare_data(TRAINED_ON, cache)
    scratch = cache / "scratch"
    raw = scratch / f"raw-{records}.jsonl"
    with source.open("rb") as lines, raw.open("wb") as some:
        some.writelines(islice(lines, records))
    return run_reader("predicted", [data, raw, rounds, ONES, scratch], cache)


def ratios(seconds: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Returns how many times the median of ours the median of each way is."""
    ours = statistics.median(seconds[OURS])
    return {name: statistics.median(values) / ours for name, values in seconds.items()}


def result_text(measured: Mapping[str, Any], load: float) -> str:
    """Returns the section."""
    rows = []
    for title, key, records in (("bulk", "bulk", measured["records"]), ("one at a time", "alone", 1)):
        for name, ratio in ratios(measured[key]).items():
            median = statistics.median(measured[key][name])
            rows.append([title, name, f"{median * 1000:,.1f}", f"{records / median:,.0f}", f"{ratio:.2f}", HOW[name]])
    header = ["", "way", "milliseconds", "records/s", "this / ours", "how"]
    told = (
        f"{measured['records']:,} records of {measured['steps']:,} tokens, the longest of {measured['longest']:,}. "
        f"Loading the model takes {measured['load_seconds']:.2f} s and the first prediction "
        f"{measured['first_seconds']:.2f} s, TensorFlow imported; the answers differ by {measured['difference']:.1g} "
        "at most."
    )
    versions = package_versions(Path(sys.executable), ("tensorflow", "keras"))
    origin = f"Machine: {machine()}; {versions}; load average before the first round {load:.2f}."
    return f"{told}\n\n{table(header, rows)}\n\n{origin}"


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = command_parser("Time predictions beside model.predict.", records=2_000)
    parser.add_argument("--rounds", type=positive, default=3, metavar="N", help="of each way (%(default)s)")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    try:
        measured = measure_predictions(options.records, options.cache.resolve(), options.rounds)
    except CommandFailedError as error:
        print(f"prediction: {error}", file=sys.stderr)
        return 1
    text = result_text(measured, load)
    print(text)
    if options.write:
        write_section("prediction", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
