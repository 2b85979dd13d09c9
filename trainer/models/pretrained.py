"""Embeddings that start from pretrained word vectors."""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.dataset_pb2 import Take
from schemas.errors import UsageError
from schemas.manifest_pb2 import Manifest
from schemas.messages import nearest
from schemas.vocabulary import Vocabulary
from trainer.config import TrainerConfig
from trainer.models.model import SequenceModel
from trainer.settings.model import ONE_HOT
from trainer.word_vectors.vectors import read_word_vectors


def start_embeddings(
    model: SequenceModel, manifest: Manifest, vocabularies: Mapping[str, Vocabulary], config: TrainerConfig
) -> dict[str, Any]:
    """Sets the embeddings of a model, before it is trained, to the word vectors that the settings name.

    Args:
      model: Not trained yet.
      manifest: Of the data set.
      vocabularies: By name of the sequence.
      config: The settings.

    Returns:
      By name of the sequence: what was found, see `WordVectors.facts`.

    Raises:
      UsageError: There is no such sequence of tokens, or vectors have another size than the embedding.
      DataError: A file cannot be used.
    """
    facts = {}
    for name, path in _paths(manifest, config).items():
        embedding = model.embedding_of(name)
        if embedding is None:
            raise UsageError(f"pretrained_embeddings: {_without_embedding(name, config)}")
        vectors = read_word_vectors(path, vocabularies[name], config.seed, lowercase=True)
        size = vectors.matrix.shape[1]
        if size != config.embedding_size:
            raise UsageError(
                f"embedding_size: {config.embedding_size}, and the vectors of {path} have {size} numbers; "
                f"set embedding_size: {size}"
            )
        embedding.embeddings.assign(vectors.matrix)
        embedding.trainable = config.train_embeddings
        facts[name] = {"path": path, **vectors.facts}
    return facts


def _paths(manifest: Manifest, config: TrainerConfig) -> dict[str, str]:
    """Returns the file for each sequence."""
    sequences = manifest.spec.sequences
    words = [name for name in sorted(sequences) if name in manifest.vocabularies and not _is_derived(name, manifest)]
    asked = config.pretrained_embeddings
    if isinstance(asked, str):
        if asked and len(words) != 1:
            raise UsageError(f"pretrained_embeddings: {_not_one(words)}")
        return {words[0]: asked} if asked else {}
    known = [name for name in sequences if name in manifest.vocabularies]
    for name in asked:
        if name not in known:
            raise UsageError(f"pretrained_embeddings: '{name}' is no sequence of tokens; {nearest(name, known)}")
    return dict(asked)


def _not_one(words: Sequence[str]) -> str:
    if not words:
        return "the data set has no sequence of tokens; leave it out"
    return (
        f"the data set has {len(words)} sequences of tokens ({', '.join(words)}); "
        f"give paths by name, as in {{{words[0]}: vectors.txt}}"
    )


def _without_embedding(name: str, config: TrainerConfig) -> str:
    if config.token_input == ONE_HOT:
        return f"sequence '{name}' has no embedding; set token_input: embedding"
    return f"sequence '{name}' is read as the mean of its characters; name one that is read token by token"


def _is_derived(name: str, manifest: Manifest) -> bool:
    return bool(manifest.spec.sequences[name].derive.take != Take.unspecified)
