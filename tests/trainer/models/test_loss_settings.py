"""The loss that a model is compiled with: label smoothing and class weights reach it, or are refused."""

from typing import Any

import pytest

from schemas.errors import UsageError
from schemas.manifest_pb2 import Manifest, Moments, Vocabulary
from schemas.spec import TRAIN, parse_spec
from trainer.config import TrainerConfig
from trainer.models.build import build_model
from trainer.tasks.losses import CrossEntropy

CLASS = "{type: class}"
STEPS = "{type: per_step_class, of: text}"
NEXT = "{type: next_step, of: text}"
NUMBER = "{type: number}"
FRAMES = "{type: next_step, of: waves}"


def manifest_of(label: str) -> Manifest:
    spec = f"sequences: {{text: {{type: tokens}}, waves: {{type: series, dims: 2}}}}\nlabel: {label}\n"
    manifest = Manifest(spec=parse_spec(spec), classes=Vocabulary(size=2))
    manifest.vocabularies["text"].CopyFrom(Vocabulary(size=3, oov_buckets=1))
    manifest.moments["label"].CopyFrom(Moments(mean=[1.0], variance=[4.0]))
    manifest.moments["waves"].CopyFrom(Moments(mean=[1.0, 2.0], variance=[4.0, 9.0]))
    if label in (CLASS, STEPS):
        manifest.statistics[TRAIN].classes.extend([30, 10])
    return manifest


def loss_of(label: str, names: tuple[str, ...] = ("ham", "spam"), **settings: Any) -> Any:
    config = TrainerConfig(embedding_size=2, units=2, **settings)
    return build_model(manifest_of(label), config, class_names=names).loss


@pytest.mark.parametrize("label", [CLASS, STEPS, NEXT])
def test_labels_are_smoothed_where_they_are_classes(label: str) -> None:
    loss = loss_of(label, label_smoothing=0.1)
    assert isinstance(loss, CrossEntropy)
    assert (loss.label_smoothing, loss.class_weights) == (0.1, [])


@pytest.mark.parametrize("label", [CLASS, STEPS])
@pytest.mark.parametrize("setting", ["balanced", {"spam": 3.0}])
def test_classes_have_weights_whose_mean_is_1(label: str, setting: Any) -> None:
    loss = loss_of(label, class_weights=setting)
    # 30 and 10 examples: a class of a third of them counts three times as much.
    assert loss.class_weights == pytest.approx([2 / 3, 2.0])


@pytest.mark.parametrize("label", [NUMBER, FRAMES])
@pytest.mark.parametrize(("name", "value"), [("label_smoothing", 0.1), ("class_weights", "balanced")])
def test_what_is_no_class_has_neither(label: str, name: str, value: Any) -> None:
    with pytest.raises(UsageError) as error:
        loss_of(label, **{name: value})
    assert str(error.value) == f"{name}: the label of the data set is no class; leave it out"


@pytest.mark.parametrize(
    ("label", "names", "setting", "expected"),
    [
        (
            NEXT,
            (),
            "balanced",
            "class_weights: the classes of the next step are tokens and have no weights; leave it out",
        ),
        (CLASS, (), {"spam": 2.0}, "class_weights: weights by name need the names of the classes; give class_names"),
        (
            CLASS,
            ("ham", "spam"),
            {"spm": 2.0},
            "class_weights: 'spm' is no class of the data set; did you mean 'spam'?",
        ),
        (
            CLASS,
            ("ham", "spam"),
            {"spam": float("inf")},
            "class_weights.spam: received inf; a weight is a number, 0 or more",
        ),
    ],
)
def test_class_weights_that_cannot_be(label: str, names: tuple[str, ...], setting: Any, expected: str) -> None:
    with pytest.raises(UsageError) as error:
        loss_of(label, names, class_weights=setting)
    assert str(error.value) == expected
