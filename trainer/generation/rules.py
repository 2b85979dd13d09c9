"""Which models can continue a sequence, and what records must be to be continued."""

from schemas.dataset_pb2 import DatasetSpec, LabelType, TooLong
from schemas.errors import UsageError
from schemas.records.unlabelled import unlabelled_spec
from schemas.spec import NEXT_STEP, series_sequences


def check_continues(spec: DatasetSpec) -> None:
    """Refuses a model that cannot know the next step of what it reads.

    Args:
      spec: Resolved, of the data set that the model was trained on.

    Raises:
      UsageError: Its label is another, or something is read in each step that does not follow from what is
        predicted.
    """
    label = spec.label
    if label.type != NEXT_STEP:
        kind = LabelType.Value.Name(label.type)
        raise UsageError(
            f"label: the model predicts a label of type {kind}, and only a next step continues a sequence; train a "
            "model on a data set with `label: {type: next_step}`"
        )
    for name in read_together(spec, label.of):
        if name != label.of and spec.sequences[name].derive.of != label.of:
            raise UsageError(
                f"sequences.{name}: is read in each step with '{label.of}', and nothing says what it will be in steps "
                f"to come; train without it, or derive it from '{label.of}' (derive)"
            )
    if spec.sequences[label.of].HasField("time"):
        raise UsageError(
            f"sequences.{label.of}.time: is read with each frame, and nothing says when frames to come will be; train "
            "without it"
        )


def read_together(spec: DatasetSpec, name: str) -> list[str]:
    """Returns the sequences that are read step by step with one, itself among them, sorted."""
    leader = spec.sequences[name].aligned_with or name
    return sorted(other for other, feature in spec.sequences.items() if leader in (other, feature.aligned_with))


def continues_series(spec: DatasetSpec) -> bool:
    """Returns whether what is continued is a series, and not tokens."""
    return spec.label.of in series_sequences(spec)


def beginnings_spec(spec: DatasetSpec) -> DatasetSpec:
    """Returns a spec by which raw records are read whose end is what counts, each of them one example.

    As for predictions, what would leave a record out rejects it. Where the spec cuts records into pieces or windows,
    the last steps are kept, as many as a whole one has: what follows is wanted of the end.

    Args:
      spec: Resolved.
    """
    changed = unlabelled_spec(spec)
    for feature in changed.sequences.values():
        if feature.too_long == TooLong.split:
            feature.too_long = TooLong.truncate_head
    if changed.HasField("window"):
        feature = changed.sequences[changed.window.of]
        feature.max_length, feature.too_long = changed.window.length, TooLong.truncate_head
        changed.ClearField("window")
    return changed
