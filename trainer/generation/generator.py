"""Raw records and what follows them; a record that cannot be used says why in its place."""

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from operator import itemgetter
from pathlib import Path
from typing import Any

import tensorflow as tf

from schemas.formats.fields import fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.formats.rejected import Rejected
from schemas.model_inputs import ModelInputs
from schemas.prediction_batches import MAX_EXAMPLES, PADDED_STEPS, sorted_batches
from schemas.ragged import Int64s
from schemas.records.examples import ExampleBlock
from schemas.records.validate import validate
from trainer.batches.parsing import input_specs
from trainer.generation.choosing import draws_of
from trainer.generation.loop import Continued, continue_batch
from trainer.generation.options import GenerationOptions
from trainer.generation.rules import beginnings_spec, check_continues
from trainer.generation.steps import steps_of
from trainer.progress import tracked
from trainer.raw_records import blocks_of_file, blocks_of_objects
from trainer.saved import SavedModel

Entry = dict[str, Any]
_MOST_NUMBERS = 2**24  # that a batch holds of one kind, such as the probabilities of its next tokens: 128 MiB


class Generator:
    """A trained model that continues raw records."""

    def __init__(
        self,
        saved: SavedModel,
        options: GenerationOptions | None = None,
        padded_steps: int = PADDED_STEPS,
        max_examples: int = MAX_EXAMPLES,
    ) -> None:
        """Prepares the graph.

        Args:
          saved: A model folder's content.
          options: What is asked for; none: the defaults.
          padded_steps: Most of a batch of beginnings; but for rounding a continuation does not depend on it.
          max_examples: The same.

        Raises:
          UsageError: The model cannot continue a sequence, or the options do not fit it.
          DataError: It knows no token.
        """
        spec = saved.manifest.spec
        check_continues(spec)
        self._saved = saved
        self._options = options or GenerationOptions()
        self._spec = beginnings_spec(spec)
        self._fields = fields_of(self._spec, for_training=False)
        self._leader = str(saved.model.task.leader)
        self._steps = steps = steps_of(saved, self._options)
        self._padded_steps = padded_steps
        self._max_examples = max_examples
        draws = tf.TensorSpec([None, None if self._options.drawn else 0], tf.float64)
        self._run = tf.function(
            lambda features, draws, most: continue_batch(saved.model, steps, features, draws, most),
            input_signature=[input_specs(saved.manifest), draws, tf.TensorSpec([], tf.int32)],
        )

    @property
    def options(self) -> GenerationOptions:
        """What is asked for."""
        return self._options

    def asked_for(self, options: GenerationOptions) -> "Generator":
        """Returns a generator with other options; no graph is made where only the steps and the seed are others.

        Raises:
          UsageError: The options do not fit the model.
        """
        if options.way != self._options.way:
            return Generator(self._saved, options, self._padded_steps, self._max_examples)
        other = copy(self)
        other._options = options
        return other

    @property
    def _rows(self) -> int:
        """The most of a batch for which there is room: one at least."""
        numbers = max(self._steps.numbers, self._steps.width * self._options.steps)
        return max(1, min(self._max_examples, _MOST_NUMBERS // numbers))

    @property
    def max_record_bytes(self) -> int:
        """A longer record is refused, as it is in the data set."""
        return int(self._spec.input.max_record_bytes)

    def generate(self, records: Iterable[Any] | str | Path) -> list[Entry]:
        """Continues raw records, with the text rules and length policies of training.

        Args:
          records: The beginnings: objects as the spec describes them, without or with a label, or the path of a JSONL
            file of them. Where the spec cuts records into pieces, what follows is that of the end.

        Returns:
          One entry for each record, in order: {"id", "generated": tokens or frames, "ended" where the label has an end,
          "cut" where a policy leaves steps out}: ended says that the sequence has ended, not only the steps asked for.
          {"id": None, "line", "error", "reason"} for a record that the spec refuses, with its place from 1.

        Raises:
          DataError: The file is missing or holds no record.
        """
        if isinstance(records, Mapping):
            raise TypeError("generate takes records, not one record; give a list")
        if isinstance(records, str | Path):
            return list(self.generate_lines(blocks_of_file(records, self.max_record_bytes)))
        return list(self.generate_lines(blocks_of_objects(records)))

    def generate_lines(self, blocks: Iterable[bytes], show: bool = False) -> Iterator[Entry]:
        """Yields the continuations of blocks of whole JSONL lines; says on standard error how far it is, if asked."""
        first_line = 0
        for data in blocks:
            raw = parse_jsonl(data, self._fields, max_record_bytes=self.max_record_bytes)
            yield from self._in_order(validate(raw, self._spec, self._saved.subwords), first_line, show)
            first_line += raw.line_count

    def _in_order(self, block: ExampleBlock, first_line: int, show: bool) -> list[Entry]:
        entries = [(item.line, _refused(item, first_line)) for item in block.rejected]
        for line, entry in zip(block.lines.tolist(), self._entries(block, first_line, show), strict=True):
            if "error" in entry:
                entry["line"] = first_line + line + 1
            entries.append((line, entry))
        return [entry for _, entry in sorted(entries, key=itemgetter(0))]

    def _entries(self, block: ExampleBlock, first_line: int, show: bool) -> list[Entry]:
        entries: list[Entry] = [{"id": example_id} for example_id in block.ids.to_pylist()]
        inputs = ModelInputs(block, self._saved.manifest, self._saved.vocabularies)
        cut = block.cut_steps[self._leader]
        batches = list(sorted_batches(inputs.lengths, self._padded_steps, self._rows))
        for rows in tracked(batches, len(batches), "generate") if show else batches:
            continued = self._continue(inputs, rows, block.lines[rows] + first_line)
            for i, row in enumerate(rows.tolist()):
                entries[row] |= self._entry(continued, i) | ({"cut": int(cut[row])} if cut[row] else {})
        return entries

    def _continue(self, inputs: ModelInputs, rows: Int64s, positions: Int64s) -> Continued:
        draws = draws_of(positions, self._options)
        continued = self._run(inputs.batch(rows), tf.constant(draws), tf.constant(self._options.steps))
        return Continued(*(part.numpy() for part in continued))

    def _entry(self, continued: Continued, row: int) -> Entry:
        count = int(continued.counts[row])
        if continued.broken[row]:
            error = f"the model's answer is no finite number after {count} generated steps"
            return {"error": error, "reason": "not_finite"}
        entry: Entry = {"generated": self._steps.tell(continued.steps[row, :count])}
        return entry | ({"ended": bool(continued.ended[row])} if self._spec.label.end else {})


def _refused(item: Rejected, first_line: int) -> Entry:
    placed = item.placed("", first_line)
    return {"id": None, "line": placed.line, "error": placed.rule, "reason": placed.reason}
