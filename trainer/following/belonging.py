"""Whether a model is one of the spans that are followed."""

from pathlib import Path

from schemas.errors import UsageError
from schemas.manifest import load_manifest
from schemas.manifest_pb2 import Manifest
from schemas.spans.merging import difference, stated_vocabularies
from schemas.spans.names import span_path
from schemas.vocabulary_files import begins_with


def check_belongs(model: Path, root: Path, span: str) -> None:
    """Refuses to go on with a model that was trained on spans of another base, before anything is done with it.

    Args:
      model: Folder of the newest model.
      root: Folder of the spans.
      span: Name of one of them.

    Raises:
      UsageError: It was.
      DataError: A manifest or a vocabulary cannot be read.
    """
    ours, theirs = load_manifest(model), load_manifest(root / span_path(span))
    found = difference(ours, theirs) or _apart(model, ours, root / span_path(span), theirs)
    if found:
        raise UsageError(
            f"{model}: was trained on other data than the span '{span}' of {root}: {found}; choose another --output, "
            "or name the folder of its own spans as --data"
        )


def _apart(model: Path, ours: Manifest, span: Path, theirs: Manifest) -> str:
    """Returns which vocabulary of neither begins with that of the other; empty: none."""
    others = stated_vocabularies(theirs)
    for what, mine in stated_vocabularies(ours).items():
        its = others[what]
        (path, longer), shorter = ((model, mine), its) if mine.size > its.size else ((span, its), mine)
        if not begins_with(path / longer.path, longer, shorter):
            return f"the {what} of neither begins with that of the other"
    return ""
