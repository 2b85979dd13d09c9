"""Models that take over the weights of one that knew fewer tokens and classes, layer by layer."""

from typing import Any

import numpy as np
import pytest

from schemas.manifest_pb2 import Manifest, Moments, Vocabulary
from schemas.spec import parse_spec
from trainer.config import TrainerConfig
from trainer.models.build import build_model
from trainer.models.growing import grow
from trainer.models.model import SequenceModel

SEQUENCES = """
sequences:
  text: {type: tokens}
  tags: {type: tokens, aligned_with: text}
  letters: {derive: {of: text, take: characters}}
  waves: {type: series, dims: 2, normalize: zscore}
context: {shop: {type: category}, price: {type: number, normalize: zscore}}
label: {LABEL}
"""
CLASS, STEPS, NEXT = "type: class, from: y", "type: per_step_class, of: text, from: y", "type: next_step, of: text"
NUMBER, FORECAST = "type: number, from: y", "type: next_step, of: waves"
SMALL = {"embedding_size": 4, "units": 3, "input_dropout": 0.0, "step_dropout": 0.0, "dropout": 0.0}
OLD = {"text": 5, "tags": 3, "letters": 6, "shop": 2}
MORE = {"text": 4, "tags": 1, "letters": 2, "shop": 3}
OOV = 2
CLASSES, MORE_CLASSES = 3, 2


def manifest_of(label: str, grown: bool) -> Manifest:
    spec = parse_spec(SEQUENCES.replace("LABEL", label))
    manifest = Manifest(spec=spec, classes=Vocabulary(size=CLASSES + MORE_CLASSES * grown))
    for name, size in OLD.items():
        manifest.vocabularies[name].CopyFrom(Vocabulary(size=size + MORE[name] * grown, oov_buckets=OOV))
    manifest.moments["waves"].CopyFrom(Moments(mean=[1.0, 5.0], variance=[4.0, 2.0]))
    for name in ("label", "price"):
        manifest.moments[name].CopyFrom(Moments(mean=[10.0], variance=[4.0]))
    return manifest


def ids_by_name() -> dict[str, Any]:
    """New tokens were read as the one and the other id of those out of vocabulary, in turn."""
    known = {name: 1 + OOV + size for name, size in OLD.items()}
    return {name: np.append(np.arange(known[name]), 1 + np.arange(MORE[name]) % OOV) for name in OLD}


def features(tokens: dict[str, int]) -> dict[str, Any]:
    """Three records with ids below those given."""
    draw = np.random.default_rng(4)
    lengths = np.array([4, 1, 3], np.int32)
    ids = {name: draw.integers(1, tokens[name], (3, 4)).astype(np.int32) for name in ("text", "tags")}
    return {
        **ids,
        **{f"{name}/length": lengths for name in ("text", "tags", "letters", "waves")},
        "letters": draw.integers(1, tokens["letters"], (3, 4, 2)).astype(np.int32),
        "letters/sizes": np.full((3, 4), 2, np.int32),
        "waves": draw.normal(size=(3, 4, 2)).astype(np.float32),
        "shop": draw.integers(1, tokens["shop"], 3).astype(np.int32),
        "price": draw.normal(size=3).astype(np.float32),
    }


def pair(label: str, **settings: Any) -> tuple[SequenceModel, SequenceModel]:
    """A model with weights of no special kind, and the one that has grown from it."""
    config = TrainerConfig(**{**SMALL, **settings})
    old = build_model(manifest_of(label, grown=False), config)
    draw = np.random.default_rng(7)
    old.set_weights([draw.normal(size=weight.shape) for weight in old.get_weights()])
    new = build_model(manifest_of(label, grown=True), config)
    grow(new, old, ids_by_name(), of="text" if label is NEXT else "")
    return old, new


SETTINGS: list[dict[str, Any]] = [
    {},
    {"layers": 2, "bidirectional": False, "layer_norm": True},
    {"conv_filters": (5,), "cell": "gru"},
    {"cell": "none", "pooling": ("mean", "max", "last", "attention")},
]


@pytest.mark.parametrize("token_input", ["embedding", "one_hot"])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("label", [CLASS, STEPS, NEXT, NUMBER, FORECAST])
def test_a_grown_model_says_of_old_tokens_what_the_old_one_said(
    label: str, settings: dict[str, Any], token_input: str
) -> None:
    old, new = pair(label, token_input=token_input, **settings)
    batch = features({name: 1 + OOV + size for name, size in OLD.items()})
    was, now = old(batch).numpy(), new(batch).numpy()
    if label in (NUMBER, FORECAST):
        np.testing.assert_allclose(now, was, rtol=1e-4, atol=1e-5)
        return
    assert now.shape[-1] == was.shape[-1] + (MORE["text"] if label is NEXT else MORE_CLASSES)
    # Of each record, or of each real step, the old answers are as probable beside each other as ever.
    real = was.reshape(-1, was.shape[-1]).sum(axis=1) > 0
    was, now = (of.reshape(-1, of.shape[-1])[real] for of in (was, now))
    kept = now[:, : was.shape[1]]
    np.testing.assert_allclose(kept / kept.sum(axis=1, keepdims=True), was, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("token_input", ["embedding", "one_hot"])
def test_a_new_token_is_read_as_the_unknown_one_that_it_was(token_input: str) -> None:
    old, new = pair(NUMBER, token_input=token_input)
    ids = ids_by_name()
    grown = features({name: len(of) for name, of in ids.items()})
    assert grown["text"].max() >= 1 + OOV + OLD["text"]
    before = {name: ids[name][value] if name in ids else value for name, value in grown.items()}
    np.testing.assert_allclose(new(grown).numpy(), old(before).numpy(), rtol=1e-4, atol=1e-5)


def test_new_next_tokens_share_the_probability_of_the_unknown_one() -> None:
    old, new = pair(NEXT)
    batch = features({name: 1 + OOV + size for name, size in OLD.items()})
    was, now = old(batch).numpy()[0, 0], new(batch).numpy()[0, 0]
    known = 1 + OOV + OLD["text"]
    unknown = ids_by_name()["text"][known:]
    for oov in (1, 2):
        together = now[known:][unknown == oov].sum()
        np.testing.assert_allclose(together / now[0], was[oov] / was[0], rtol=1e-4)


def test_a_new_class_is_as_probable_as_the_geometric_mean_of_the_old_ones() -> None:
    _, new = pair(CLASS)
    now = new(features({name: 1 + OOV + size for name, size in OLD.items()})).numpy()
    mean = np.exp(np.log(now[:, :CLASSES]).mean(axis=1))
    np.testing.assert_allclose(now[:, CLASSES:], np.stack([mean] * MORE_CLASSES, axis=1), rtol=1e-4)


def test_word_vectors_of_new_tokens_stay() -> None:
    config = TrainerConfig(**SMALL)
    old, new = (build_model(manifest_of(CLASS, grown), config) for grown in (False, True))
    matrix = np.arange(12 * 4, dtype=np.float32).reshape(12, 4)
    new.embedding_of("text").embeddings.assign(matrix)
    grow(new, old, ids_by_name(), started=("text",))
    now, was = (of.embedding_of("text").embeddings.numpy() for of in (new, old))
    known = 1 + OOV + OLD["text"]
    np.testing.assert_array_equal(now[:known], was)
    np.testing.assert_array_equal(now[known:], matrix[known:])
    tags = new.embedding_of("tags").embeddings.numpy()
    np.testing.assert_array_equal(tags[-1], old.embedding_of("tags").embeddings.numpy()[1])
