"""A model takes over the weights of one that knew fewer tokens and classes.

Every weight is a choice of rows and columns of the old one, told by which old id stands for each new id: a token that
was out of vocabulary begins as what it was read as, the id that unknown tokens of its hash share. So a grown model says
of any record at first what the old one said; only what it says of new classes and new next tokens is new.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.models.branches import ContextEntry, SequenceBranch
from trainer.models.model import SequenceModel
from trainer.sequence_layers.one_hot import OneHot

Ids = npt.NDArray[np.int64]
Array = npt.NDArray[Any]


def grow(
    model: SequenceModel, old: SequenceModel, ids: Mapping[str, Ids], started: Collection[str] = (), of: str = ""
) -> None:
    """Sets the weights of a model to those of an old one of the same architecture.

    Args:
      model: As it was built for the longer vocabularies; what its optimizer holds is left as it is.
      old: The old one.
      ids: By name of the token sequence or category: the old id of each id of the model, int64, (ids,); those of
        the old one come first, each as itself.
      started: Sequences whose new tokens keep the embedding that the model has: one of word vectors.
      of: The sequence of tokens whose next one is predicted; empty: what is predicted is something else.
    """
    places = []
    for branch, before in zip(model.branches, old.branches, strict=True):
        inputs = _read_places(branch, before, ids, started)
        _take_all(branch.encoder, before.encoder, inputs)
        if branch.pooling is not None:
            _take_all(branch.pooling, before.pooling, inputs)
        places.append(_output_places(branch, before, inputs))
    places += [_context_places(*pair, ids) for pair in zip(model.context_entries, old.context_entries, strict=True)]
    _grow_head(model.head, old.head, _side_by_side(places), ids[of] if of else None)
    _take_all(model.finish, old.finish, np.empty(0, np.int64))


def _read_places(
    branch: SequenceBranch, before: SequenceBranch, ids: Mapping[str, Ids], started: Collection[str]
) -> Ids:
    """Grows the embeddings of a branch; returns which old number of a step stands for each new one."""
    places = []
    old_entries = before.reader.entry_by_name
    for name, entry in branch.reader.entry_by_name.items():
        if isinstance(entry, OneHot):
            places.append(ids[name])
            continue
        if name in ids and entry is not None:
            _grow_embedding(entry, old_entries[name], ids[name], keep_new=name in started)
        places.append(np.arange(branch.reader.sizes[name]))
    return _side_by_side(places)


def _context_places(entry: ContextEntry, before: ContextEntry, ids: Mapping[str, Ids]) -> Ids:
    if isinstance(entry.entry, OneHot):
        return ids[entry.name]
    if entry.name in ids and entry.entry is not None:
        _grow_embedding(entry.entry, before.entry, ids[entry.name], keep_new=False)
    return np.arange(entry.output_size)


def _output_places(branch: SequenceBranch, before: SequenceBranch, inputs: Ids) -> Ids:
    """Returns which old number of a branch's vector stands for each new one."""
    if branch.output_size == before.output_size:
        return np.arange(branch.output_size)
    # Its steps are pooled as they are read, once for each kind of pooling.
    size = before.reader.size
    return np.concatenate([inputs + size * kind for kind in range(branch.output_size // len(inputs))])


def _grow_embedding(entry: Any, before: Any, ids: Ids, keep_new: bool) -> None:
    (variable,), (old,) = entry.weights, before.weights
    grown = _value(old)[ids]
    if keep_new:
        grown[old.shape[0] :] = _value(variable)[old.shape[0] :]
    variable.assign(grown)


def _grow_head(head: Any, before: Any, inputs: Ids, ids: Ids | None) -> None:
    """Grows the output layer.

    A new next token begins with the column of the id that it had, and all that share it are together as probable as
    this one. A new class begins with the mean of all old columns: its probability is in proportion to the geometric
    mean of theirs.
    """
    kernel, bias = _value(before.kernel)[inputs], _value(before.bias)
    outputs = head.bias.shape[0]
    if ids is not None:
        new = ids[len(bias) :]
        shared = np.bincount(new, minlength=len(bias))[new]
        kernel, bias = kernel[:, ids], np.append(bias, bias[new] - np.log(np.maximum(shared, 1)))
    elif outputs > len(bias):
        more = outputs - len(bias)
        kernel = np.concatenate([kernel, np.repeat(kernel.mean(axis=1, keepdims=True), more, axis=1)], axis=1)
        bias = np.append(bias, np.repeat(bias.mean(), more))
    head.kernel.assign(kernel)
    head.bias.assign(bias)


def _take_all(layer: Any, before: Any, inputs: Ids) -> None:
    """Takes over all weights of a layer; an axis that has grown is that of the numbers of a step."""
    for variable, old in zip(layer.weights, before.weights, strict=True):
        value = _value(old)
        for axis, (now, then) in enumerate(zip(variable.shape, old.shape, strict=True)):
            if now != then:
                value = value.take(inputs, axis=axis)
        variable.assign(value)


def _side_by_side(places: Collection[Ids]) -> Ids:
    """Returns places in parts as places in all parts one behind the other; in a part the greatest is its last."""
    joined, start = [], 0
    for part in places:
        joined.append(part + start)
        start += int(part.max(initial=-1)) + 1
    return np.concatenate(joined)


def _value(variable: Any) -> Array:
    return np.array(variable.numpy())
