"""The data sets of the tasks, written once; and no word of Keras about masks is let pass.

What is held here, for every task and every kind of setting, through what `trainer` offers:

| property | tests |
|---|---|
| a prediction follows from its record alone: no mask stops at a layer or where branches join | records_alone |
| nothing at padded steps is seen; a frame of zeros is a frame; branches are padded apart | padded_values |
| a padded batch has the gradient of its sequences; over an epoch all labels have the same pull | gradients |
| loss and every metric are those of single records, whatever the batches and buckets | exact_metrics |
| a record without steps, or a batch of nothing else, gives numbers | empty_records |
| weights of classes are those of each step | step_class_weights |
| which kernel runs is said; it is traced once, or once for each declared shape; no mask need be passed on | kernels |
| raw records: in their order, cut as in training, 0 is no token, unheard tokens share their ids | raw_records |
| no operation of cuDNN is exported, and the export gives the same | exports |
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.trainer.properties.cases import Batch, whole_batch, write_untrained
from tests.trainer.properties.data_sets import write_data

MASKS = pytest.mark.filterwarnings("error:.*[mM]ask")
Folders = Callable[[str], Path]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(MASKS)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Gives the folder of the data set of a task."""
    parent = tmp_path_factory.mktemp("tasks")
    return cache(lambda task: write_data(parent / task, task))


@pytest.fixture(scope="session")
def batch_of(data: Folders) -> Callable[[str], Batch]:
    """Gives the test split of a task as one batch."""
    return cache(lambda task: whole_batch(data(task)))


@pytest.fixture(scope="session")
def written(data: Folders, tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Gives the folder of a model of a task that has not been trained: its answers are as good as any here."""
    parent = tmp_path_factory.mktemp("models")
    return cache(lambda task: write_untrained(data(task), parent / task))
