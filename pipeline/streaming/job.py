"""What every step of a stream is told: the folders, the windows, and how their spans are made."""

from dataclasses import dataclass, field

from pipeline import files
from pipeline.runners.identity import Submitter
from pipeline.streaming.status import FOLDER, TOO_LATE_FOLDER, stop_path
from schemas.dataset_pb2 import DatasetSpec

NOT_YET = -(1 << 62)  # an event time before all others


@dataclass(frozen=True)
class StreamJob:
    """One start of a stream.

    Attributes:
      root: Folder of all spans.
      run: Name of this start, different from that of any other.
      spec_bytes: The resolved spec, serialised.
      window: Length of a window in microseconds.
      lateness: How long after the end of a window its late records become a span, in microseconds; those that come
        later are rejected.
      window_bytes: Most bytes of records that a window may hold.
      run_options: Of `pipeline run`, which makes the spans, but for the span and its input.
      reached: The end of the newest window that was over when an earlier start closed it, as event time; NOT_YET: none
        was.
      close_all: Whether a drain closes windows that are not over yet.
      left: Names of windows that were closed before it began, and whose spans are published first.
      submitter: As of `pipeline.job.Job`.
      leased: As of `pipeline.job.Job`.
    """

    root: str
    run: str
    spec_bytes: bytes
    window: int
    lateness: int
    window_bytes: int
    run_options: tuple[str, ...]
    reached: int = NOT_YET
    close_all: bool = False
    left: tuple[str, ...] = ()
    submitter: Submitter = field(default_factory=Submitter)
    leased: bool = True

    def __post_init__(self) -> None:
        """Says where a worker that has other code leaves why it refuses, and what it deletes to end the stream."""
        object.__setattr__(self, "submitter", Submitter(self.failed, self.lease_path if self.leased else ""))

    @property
    def spec(self) -> DatasetSpec:
        """The resolved spec."""
        return DatasetSpec.FromString(self.spec_bytes)

    @property
    def output(self) -> str:
        """What an error names."""
        return self.root

    @property
    def folder(self) -> str:
        """Folder of all that a stream keeps beside its spans."""
        return files.join(self.root, FOLDER)

    @property
    def failed(self) -> str:
        """Folder of what a failed stream has to tell."""
        return files.join(self.root, "failed", self.run)

    @property
    def lease_path(self) -> str:
        """Path of the file that says that this start goes on, see `pipeline.guards.lease`."""
        return files.join(self.folder, f"goes-on-{self.run}")

    @property
    def spool(self) -> str:
        """Folder of what this start has read and is in no closed window yet."""
        return files.join(self.folder, "spool", self.run)

    @property
    def closings(self) -> str:
        """Folder of what each closed window is made of, see `pipeline.streaming.closing.closings`."""
        return closings_folder(self.root)

    @property
    def too_late(self) -> str:
        """Folder of records that came too late for a span."""
        return files.join(self.root, TOO_LATE_FOLDER)

    @property
    def stop_path(self) -> str:
        """Path of the file that tells sources to end."""
        return stop_path(self.root)

    @property
    def held_path(self) -> str:
        """Path of the file that says how many windows are open."""
        return files.join(self.folder, "open_windows")

    @property
    def drained_path(self) -> str:
        """Path of the file that says that all that was read is handed on, and windows that are over are closed."""
        return files.join(self.folder, f"drained-{self.run}")

    def published_path(self, name: str) -> str:
        """Path of the file that says that the span of a closed window has been published, whatever became of it."""
        return files.join(self.folder, "published", name)

    def window_folder(self, name: str) -> str:
        """Folder of the records of a closed window, until its span is published."""
        return files.join(self.folder, "windows", name)


def closings_folder(root: str) -> str:
    """Returns the folder of what each closed window of a folder of spans is made of."""
    return files.join(root, FOLDER, "closings")
