"""Figures of a stream in the text format of Prometheus, in a file that is replaced whole at each look."""

import time

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from pipeline.streaming.progress import State
from schemas.errors import DataError
from schemas.streams.windows import SECOND, UNKNOWN


def write_figures(path: str, dataset: str, state: State) -> None:
    """Writes the figures of a stream.

    Args:
      path: Of the file; empty: none is asked for.
      dataset: Folder of all spans, a label of each figure.
      state: Of the stream.

    Raises:
      DataError: The file cannot be written.
    """
    if not path:
        return
    try:
        write_to_textfile(path, figures(dataset, state, time.time()))
    except OSError as error:
        raise DataError(f"--metrics {path}: cannot be written: {error.strerror}") from error


def figures(dataset: str, state: State, now: float) -> CollectorRegistry:
    """Returns the figures of a stream.

    Args:
      dataset: Folder of all spans.
      state: Of the stream.
      now: Seconds since 1970.
    """
    registry = CollectorRegistry()

    def one(name: str, text: str, value: float) -> None:
        gauge = Gauge(f"lengthwise_stream_{name}", text, ["dataset"], registry=registry)
        gauge.labels(dataset).set(value)

    one("look_timestamp_seconds", "When these figures were written", now)
    one("records_read", "Records read since the stream was started", state.records)
    one("records_per_second", "Records read a second", state.rate)
    if state.lag is not None:
        one("lag", "What is there and not read yet: records of Kafka, bytes of files", state.lag)
    if state.watermark != UNKNOWN:
        one("event_time_timestamp_seconds", "Event time that all parts have reached", state.watermark / SECOND)
    one("parts", "Parts of the source that are read", state.parts)
    one("open_windows", "Windows that are not over", state.open_windows)
    one("windows_being_written", "Windows that are over and have no span yet", state.waiting)
    one("spans", "Spans published since the stream was started", state.spans)
    one("records_kept", "Records in spans published since the stream was started", state.kept)
    one("records_rejected", "Records rejected by spans published since the stream was started", state.rejected)
    one("records_late", "Records in spans of late records", state.late)
    one("records_too_late", "Records rejected for they came too late", state.too_late)
    return registry
