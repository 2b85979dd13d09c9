"""The stored features as a `Schema` of tensorflow-metadata: what TensorFlow Transform parses shards by."""

from tensorflow_metadata.proto.v0 import schema_pb2 as standard

from pipeline.statistics.standard_form import SEQUENCE_STEP
from schemas.dataset_pb2 import Empty, StoredAs, UnknownLabel
from schemas.formats.fields import LABEL
from schemas.manifest import length_feature, missing_feature
from schemas.manifest_pb2 import Manifest, StoredFeature
from schemas.spec import NUMBER

_TYPES = {"bytes": standard.BYTES, "int64": standard.INT, "float": standard.FLOAT}


def feature_schema(manifest: Manifest) -> standard.Schema:
    """Returns the stored features of a data set.

    Features of any number of values are parsed as ragged tensors; those of a `SequenceExample` that are feature
    lists stand in a struct, as TensorFlow Data Validation has them.

    Args:
      manifest: With features, vocabularies and classes.
    """
    schema = standard.Schema(represent_variable_length_as_ragged=True)
    listed = []
    for stored in manifest.features:
        if stored.variable and manifest.spec.stored_as == StoredAs.sequence_example:
            listed.append(stored)
        else:
            _describe(schema.feature.add(), stored, manifest)
    if listed:
        struct = schema.feature.add(name=SEQUENCE_STEP, type=standard.STRUCT)
        for stored in listed:
            _describe(struct.struct_domain.feature.add(), stored, manifest)
    return schema


def _describe(feature: standard.Feature, stored: StoredFeature, manifest: Manifest) -> None:
    feature.name, feature.type = stored.name, _TYPES[stored.dtype]
    feature.presence.min_fraction, feature.presence.min_count = 1.0, 1
    if not stored.variable:
        feature.shape.SetInParent()  # of no dimension: exactly one value
    elif manifest.spec.stored_as != StoredAs.sequence_example:
        feature.value_count.min = _least_values(stored, manifest)
    domain = _domain(stored.name, manifest)
    if domain:
        feature.int_domain.CopyFrom(domain)


def _least_values(stored: StoredFeature, manifest: Manifest) -> int:
    """Returns the least number of values that the spec allows."""
    spec = manifest.spec
    name = spec.label.of if stored.name == LABEL else stored.name.split("/")[0]
    feature = spec.sequences[spec.sequences[name].aligned_with or name]
    return 0 if feature.empty == Empty.keep else stored.dims


def _domain(name: str, manifest: Manifest) -> standard.IntDomain | None:
    """Returns the whole numbers that a feature can have, where they have a bound."""
    if name == LABEL and manifest.spec.label.type != NUMBER:
        kept = manifest.spec.label.unknown == UnknownLabel.keep
        return standard.IntDomain(min=-1 if kept else 0, max=manifest.classes.size - 1, is_categorical=True)
    if name in manifest.vocabularies:
        entry = manifest.vocabularies[name]
        return standard.IntDomain(min=1, max=entry.oov_buckets + entry.size, is_categorical=True)
    sequence = name.split("/")[0]
    if name == length_feature(sequence):
        return standard.IntDomain(min=0)
    return standard.IntDomain(min=0, max=1) if name == missing_feature(sequence) else None
