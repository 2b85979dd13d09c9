"""Which value of a metric is the better one."""

import pytest

from trainer.settings.training import MONITORS, is_better
from trainer.tasks.classes import ClassMeasure
from trainer.tasks.entities import EntityTags
from trainer.tasks.forecasts import ForecastMeasure
from trainer.tasks.next_tokens import NextTokenMeasure
from trainer.tasks.numbers import NumberMeasure
from trainer.tasks.step_classes import StepClassMeasure


@pytest.mark.parametrize("metric", ["loss", "perplexity", "mae", "rmse"])
def test_of_an_error_less_is_better(metric: str) -> None:
    assert is_better(metric, 1.0, 2.0)
    assert not is_better(metric, 2.0, 1.0)
    assert not is_better(metric, 1.0, 1.0)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "precision", "recall", "f1", "auc", "entity_f1", "skill"])
def test_of_a_score_more_is_better(metric: str) -> None:
    assert is_better(metric, 0.2, 0.1)
    assert not is_better(metric, 0.1, 0.2)
    assert not is_better(metric, 0.1, 0.1)


def test_what_can_be_monitored_is_measured_by_some_task() -> None:
    tagged = StepClassMeasure("x", 2, EntityTags(["O", "B-x"]))
    measures = [ClassMeasure(2), tagged, NextTokenMeasure(), NumberMeasure(1.0), ForecastMeasure("x", [1.0])]
    names = {name for measure in measures for name in measure.names}
    assert set(MONITORS) <= names
    assert names - set(MONITORS) == {"entity_precision", "entity_recall"}
