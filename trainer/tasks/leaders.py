"""Which sequence the answers for the steps of another one belong to."""

from schemas.manifest_pb2 import Manifest


def label_leader(manifest: Manifest) -> str:
    """Returns the sequence with a length of its own that `label.of` names, or that the one it names is aligned with."""
    sequence = manifest.spec.label.of
    return manifest.spec.sequences[sequence].aligned_with or sequence
