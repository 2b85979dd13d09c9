"""What the published spans of a folder have read, by their manifests; each of these is read once."""

from pathlib import Path

from pipeline.spans.published import load_span, published_names
from pipeline.watching.store import pruned_inputs
from schemas.manifest_pb2 import Manifest


class Published:
    """The spans of a folder, as far as a watch needs to know them.

    Attributes:
      files: Bytes of each file that a span has read, by path.
      names: Of the spans.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self.files: dict[str, int] = {}
        self.names: set[str] = set()

    def refresh(self) -> None:
        """Reads the manifests of spans that are new, and what is kept of those that were pruned.

        Raises:
          DataError: A manifest cannot be read.
        """
        self.files |= {path: size for path, size in pruned_inputs(self._root).items() if path not in self.files}
        for name in published_names(self._root):
            if name not in self.names:
                self.files.update(inputs_of(load_span(self._root, name)))
                self.names.add(name)

    def span(self, name: str) -> dict[str, int] | None:
        """Returns the files of a span and their bytes; None where it is not published."""
        return inputs_of(load_span(self._root, name)) if name in published_names(self._root) else None


def inputs_of(manifest: Manifest) -> dict[str, int]:
    """Returns the files that a span has read and their bytes, by absolute path."""
    return {str(Path(file.path).absolute()): file.bytes for file in manifest.inputs}
