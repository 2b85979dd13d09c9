"""Loss and every metric are those of the single records, however these are batched and in how many buckets they lie.

A mean of the means of batches, or a metric that does not read the mask, would show here.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.manifest import load_manifest
from tests.trainer.properties.cases import Batch, predicted, taken
from tests.trainer.properties.data_sets import TASKS, records_by_split, write_data
from tests.trainer.properties.plain_metrics import plain_metrics
from trainer import Batching, BatchLimits
from trainer.batches.source import SplitSource
from trainer.evaluate import Evaluator, evaluate
from trainer.saved import load_saved

NAMES = {
    "class": {"loss", "accuracy", "macro_f1"},
    "binary": {"loss", "accuracy", "macro_f1", "precision", "recall", "f1", "auc"},
    "number": {"loss", "mae", "rmse"},
    "per_step_class": {"loss", "accuracy", "macro_f1", "entity_precision", "entity_recall", "entity_f1"},
    "next_token": {"loss", "perplexity", "accuracy"},
    "forecast": {"loss", "mae", "rmse", "skill"},
}


@pytest.mark.parametrize("task", TASKS)
def test_are_those_of_single_records(
    task: str, trained: Callable[[str], Path], batch_of: Callable[[str], Batch], tmp_path: Path
) -> None:
    saved, batch = load_saved(trained(task)), batch_of(task)
    leader = saved.model.task.leader
    alone = [predicted(saved.model, taken(batch, [row], leader)[0])[0] for row in range(len(batch[1]))]
    by_id = {record["id"].encode(): record for record in records_by_split(task)["test"]}
    records = [by_id[name] for name in batch[0]["id"].tolist()]
    expected = plain_metrics(task, records, alone, saved.manifest, saved.vocabularies.get("text"))
    assert expected.keys() == NAMES[task]
    one, three, eight = (
        write_data(tmp_path / f"{len(bounds)}", task, bounds) for bounds in ([], [3, 7], [0, 1, 2, 3, 5, 7, 9])
    )
    result = evaluate(trained(task), one, "test")
    assert result["metrics"] == pytest.approx(expected, rel=1e-5)
    assert [bucket["examples"] for bucket in result["buckets"]] == [result["examples"]] == [len(records)]
    for folder, size in ((three, 7), (eight, 1)):
        source = SplitSource(folder, load_manifest(folder), "test")
        batching = Batching(limits=BatchLimits(padded_steps=10_000, max_examples=size))
        totals = Evaluator(saved.model, source, batching).run()
        assert totals.metrics() == pytest.approx(expected, rel=1e-5)
        assert totals.examples == len(records)
