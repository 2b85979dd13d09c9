"""The data sets of the tasks, written once; and no word of Keras about masks is let pass."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.trainer.properties.cases import PLAIN, Batch, small_config, whole_batch
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
def trained(data: Folders, tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Gives the folder of a model that was trained for two epochs."""
    parent = tmp_path_factory.mktemp("models")

    @cache
    def train_on(task: str) -> Path:
        from trainer.training.train import train

        config = small_config(PLAIN, epochs=2, batch_padded_steps=60, min_epoch_steps=1, learning_rate=0.01)
        train(data(task), parent / task, config)
        return parent / task

    return train_on
