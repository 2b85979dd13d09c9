"""The model: a branch for each sequence, their vectors and the context side by side, one output layer."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from schemas.manifest import length_feature
from trainer.batches.batching import PRE
from trainer.batches.padding import features_at_end, to_front
from trainer.models.branches import ContextEntry, SequenceBranch
from trainer.models.pieces import check_pieces, last_steps, read_by_pieces, read_last, read_piece
from trainer.sequence_layers.masks import PACKAGE, sequence_mask
from trainer.settings.model import FLOAT32
from trainer.tasks.task import task_of


@keras.saving.register_keras_serializable(package=PACKAGE)
class SequenceModel(keras.Model):
    """Masked LSTMs over one or more sequences of a record, and its context.

    Takes the features that `open_dataset` gives, padded where the setting `padding` says: {NAME: padded
    values, NAME/length: int32 (batch,)} for every sequence, and what there is beside them. Returns what its
    task predicts, see `trainer.tasks.task.Task`: one answer a record, or one for each step of a sequence, 0 at
    padded steps.
    """

    def __init__(
        self,
        sources: Mapping[str, Mapping[str, Any]],
        target: Mapping[str, Any],
        settings: Mapping[str, Any],
        context: Mapping[str, Mapping[str, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        """Makes the layers and their weights; every shape is known from the start.

        Args:
          sources: By name of the sequence with a length of its own, see `SequenceBranch`.
          target: What is predicted, see `trainer.tasks.task.task_of`.
          settings: Settings of `TrainerConfig` by name.
          context: By name of the feature, see `ContextEntry`.
          **kwargs: Of `keras.Model`.
        """
        super().__init__(dtype=FLOAT32, **kwargs)
        self.sources = {name: dict(source) for name, source in sources.items()}
        self.target = dict(target)
        self.settings = dict(settings)
        self.task = task_of(self.target)
        self.branches = [self._branch(name) for name in sorted(self.sources)]
        self.context = {name: dict(source) for name, source in (context or {}).items()}
        self.context_entries = [
            ContextEntry(self.context[name], settings, name=name, dtype=FLOAT32) for name in sorted(self.context)
        ]
        if settings["piece_steps"]:
            for branch in self.branches:
                check_pieces(branch)
        self.dropout = keras.layers.Dropout(settings["dropout"])
        self.head = keras.layers.Dense(self.task.outputs, name="output", dtype=settings["precision"])
        self.finish = self.task.finish()
        self.build()

    def _branch(self, name: str) -> SequenceBranch:
        answers = name == self.task.leader
        causal = answers and self.task.forward
        return SequenceBranch(
            self.sources[name], self.settings, pooled=not answers, causal=causal, name=name, dtype=FLOAT32
        )

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights."""
        parts: list[SequenceBranch | ContextEntry] = [*self.branches, *self.context_entries]
        for part in parts:
            part.build()
        self.head.build((None, sum(part.output_size for part in parts)))
        self.finish.build((None, self.task.outputs))
        self.built = True

    def call(self, features: Mapping[str, Any], training: bool | None = None) -> Any:
        """Predicts; features that are none of its inputs, such as ids, are passed over."""
        if self.settings["padding"] == PRE:
            outputs = self.answer(features_at_end(features), training)
            leader = self.task.leader
            return outputs if leader is None else to_front(outputs, features[length_feature(leader)])
        return self.answer(features, training)

    def answer(self, features: Mapping[str, Any], training: bool | None = None) -> Any:
        """Predicts, as `call`, of features that are padded at the end, whatever the setting says."""
        leader = self.task.leader
        vectors = [self._read(branch, features, training) for branch in self.branches]
        if leader is None:
            return self.conclude(vectors, features, None, training)
        steps = ops.shape(features[leader])[1]
        mask = sequence_mask(features[length_feature(leader)], steps)
        return ops.where(ops.expand_dims(mask, -1), self.conclude(vectors, features, steps, training), 0.0)

    def last(self, features: Mapping[str, Any]) -> Any:
        """Returns the answer of the last real step alone, (batch, outputs), where each step has one.

        The output layer sees no other step. A sequence without steps is answered for as if it had one of zeros.
        """
        vectors, _ = self.begin(features)
        if self.task.beside is not None:
            lengths = features[length_feature(self.leading.name)]
            features = {**features, self.task.beside: last_steps(features[self.task.beside], lengths)}
        return self.conclude(list(vectors.values()), features, None, training=False)

    @property
    def leading(self) -> SequenceBranch:
        """The branch whose steps are answered, where it is not records that are."""
        return next(branch for branch in self.branches if branch.name == self.task.leader)

    def begin(self, features: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
        """Reads all there is of sequences of which more is to come.

        Args:
          features: As for `answer`.

        Returns:
          By name of the branch what `conclude` answers the last real step by, (batch, size); and the states of
          the branch whose steps are answered, from which `advance` goes on.
        """
        vectors, states = {}, None
        for branch in self.branches:
            if branch is self.leading:
                values, lengths = _of_branch(branch, features)
                vectors[branch.name], states = read_last(branch, values, lengths, self.settings["piece_steps"])
            else:
                vectors[branch.name] = self._read(branch, features, training=False)
        return vectors, states

    def advance(self, step: Mapping[str, Any], lengths: Any, states: Any) -> tuple[Any, Any]:
        """Reads one more step of the sequence whose steps are answered.

        Args:
          step: The features of its branch by name, (batch, 1, ...).
          lengths: int32 (batch,): 1 where a row has this step; one with 0 keeps its state.
          states: Of `begin`, or what this returned.

        Returns:
          What `conclude` answers this step by, (batch, size), and the states after it.
        """
        x, states = read_piece(self.leading, step, lengths, states)
        return x[:, 0], states

    def conclude(self, vectors: list[Any], features: Mapping[str, Any], steps: Any, training: bool | None) -> Any:
        """Makes answers of what the branches have read.

        Args:
          vectors: Of each branch, (batch, size); or, where steps are answered, (batch, steps, size) of that one.
          features: The context.
          steps: How many are answered; None where records are.
          training: Whether dropout is on.
        """
        x = self.dropout(_side_by_side(vectors, steps), training=training)
        context = [entry(features[entry.name]) for entry in self.context_entries]
        outputs = self.head(_side_by_side([x, *context], steps))
        return self.finish(outputs) if self.task.beside is None else self.finish(outputs, features[self.task.beside])

    def _read(self, branch: SequenceBranch, features: Mapping[str, Any], training: bool | None) -> Any:
        values, lengths = _of_branch(branch, features)
        if self.settings["piece_steps"] and not training:
            return read_by_pieces(branch, values, lengths, self.settings["piece_steps"])
        return branch(values.pop(branch.name), lengths, values, training=training)

    def embedding_of(self, sequence: str) -> keras.layers.Layer | None:
        """Returns the embedding of the tokens of a sequence; None where there is none."""
        readers = [branch.reader for branch in self.branches]
        entries = {name: entry for reader in readers for name, entry in reader.entry_by_name.items()}
        entry = entries.get(sequence)
        return entry if isinstance(entry, keras.layers.Embedding) else None

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        config = {"sources": self.sources, "target": self.target, "settings": self.settings, "context": self.context}
        return {"name": self.name, **config}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "SequenceModel":
        """Returns a copy with weights of its own."""
        return cls(**config)


def without_optimizer(model: SequenceModel) -> SequenceModel:
    """Returns a copy for prediction: the weights, without what only training needs."""
    copy = SequenceModel.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy


def _of_branch(branch: SequenceBranch, features: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """Returns the features that a branch reads, by name, and the lengths."""
    return {name: features[name] for name in (branch.name, *branch.beside)}, features[length_feature(branch.name)]


def _side_by_side(vectors: list[Any], steps: Any) -> Any:
    """Joins vectors, (batch, size) each or, where steps are given, also (batch, steps, size), along the last axis."""
    if steps is not None:
        vectors = [x if len(x.shape) == 3 else ops.repeat(ops.expand_dims(x, 1), steps, axis=1) for x in vectors]
    return ops.concatenate(vectors, axis=-1) if len(vectors) > 1 else vectors[0]
