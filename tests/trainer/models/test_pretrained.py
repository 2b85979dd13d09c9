"""Embeddings that start from word vectors: which rows, whether they learn, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from schemas.errors import UsageError
from schemas.manifest_pb2 import Manifest, Vocabulary
from schemas.spec import parse_spec
from schemas.vocabulary import Vocabulary as Tokens
from trainer.config import TrainerConfig
from trainer.models.build import build_model
from trainer.models.model import SequenceModel
from trainer.models.pretrained import start_embeddings

ONE = "sequences: {text: {type: tokens}}\nlabel: {type: class}\n"
TWO = "sequences: {text: {type: tokens}, title: {type: tokens}}\nlabel: {type: class}\n"
SERIES = "sequences: {waves: {type: series, dims: 2}}\nlabel: {type: class}\n"
LETTERS = "sequences: {text: {type: tokens}, letters: {derive: {of: text, take: characters}}}\nlabel: {type: class}\n"


def manifest_of(spec: str, *names: str) -> Manifest:
    manifest = Manifest(spec=parse_spec(spec), classes=Vocabulary(size=2))
    for name in names:
        manifest.vocabularies[name].CopyFrom(Vocabulary(size=3, oov_buckets=1))
    return manifest


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    path = tmp_path / "vectors.txt"
    path.write_text("cat 1 2 3\nhouse 4 5 6\nthe 7 8 9\n")
    return path


def start(manifest: Manifest, **settings: Any) -> tuple[SequenceModel, dict[str, Any]]:
    config = TrainerConfig(**{"embedding_size": 3, "units": 2, **settings})
    model = build_model(manifest, config)
    tokens = {name: Tokens(pa.array(["cat", "The", "dog"], pa.string()), 2) for name in manifest.vocabularies}
    return model, start_embeddings(model, manifest, tokens, config)


def refused(manifest: Manifest, **settings: Any) -> str:
    with pytest.raises(UsageError) as error:
        start(manifest, **settings)
    return str(error.value)


@pytest.mark.parametrize("trained", [True, False])
def test_known_tokens_get_their_vectors(vectors: Path, trained: bool) -> None:
    settings = {"pretrained_embeddings": str(vectors), "train_embeddings": trained}
    model, facts = start(manifest_of(ONE, "text"), **settings)
    embedding: Any = model.embedding_of("text")
    matrix = embedding.embeddings.numpy()
    assert matrix[[0, 2, 3]].tolist() == [[0, 0, 0], [1, 2, 3], [7, 8, 9]]
    assert facts == {
        "text": {
            "path": str(vectors),
            "dims": 3,
            "found": 2,
            "found_lowercased": 1,
            "tokens": 3,
            "unknown_share": None,
        }
    }
    learning = {id(weight) for weight in model.trainable_variables}
    assert (id(embedding.embeddings) in learning) is trained


def test_without_the_setting_nothing_changes() -> None:
    manifest = manifest_of(ONE, "text")
    model, facts = start(manifest)
    fresh = build_model(manifest, TrainerConfig(embedding_size=3, units=2))
    assert facts == {}
    for weight, same in zip(model.get_weights(), fresh.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, same)


def test_by_name_one_of_two_sequences(vectors: Path) -> None:
    model, facts = start(manifest_of(TWO, "text", "title"), pretrained_embeddings={"title": str(vectors)})
    title, text = (model.embedding_of(name).embeddings.numpy() for name in ("title", "text"))  # type: ignore[union-attr]
    assert list(facts) == ["title"]
    assert title[2].tolist() == [1, 2, 3]
    assert text[2].tolist() != [1, 2, 3]


def test_of_characters_there_are_none(vectors: Path) -> None:
    manifest = manifest_of(LETTERS, "text", "letters")
    assert list(start(manifest, pretrained_embeddings=str(vectors))[1]) == ["text"]
    assert refused(manifest, pretrained_embeddings={"letters": str(vectors)}) == (
        "pretrained_embeddings: sequence 'letters' is read as the mean of its characters; name one that is read token "
        "by token"
    )


@pytest.mark.parametrize(
    ("spec", "names", "settings", "expected"),
    [
        (SERIES, [], {}, "pretrained_embeddings: the data set has no sequence of tokens; leave it out"),
        (
            TWO,
            ["text", "title"],
            {},
            "pretrained_embeddings: the data set has 2 sequences of tokens (text, title); give paths by name, as in "
            "{text: vectors.txt}",
        ),
        (
            ONE,
            ["text"],
            {"token_input": "one_hot"},
            "pretrained_embeddings: sequence 'text' has no embedding; set token_input: embedding",
        ),
        (
            ONE,
            ["text"],
            {"embedding_size": 4},
            "embedding_size: 4, and the vectors of PATH have 3 numbers; set embedding_size: 3",
        ),
        (
            ONE,
            ["text"],
            {"pretrained_embeddings": {"tex": "v.txt"}},
            "pretrained_embeddings: 'tex' is no sequence of tokens; did you mean 'text'?",
        ),
    ],
)
def test_what_is_refused(spec: str, names: list[str], settings: dict[str, Any], expected: str, vectors: Path) -> None:
    text = refused(manifest_of(spec, *names), **{"pretrained_embeddings": str(vectors), **settings})
    assert text == expected.replace("PATH", str(vectors))
