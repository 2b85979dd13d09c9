"""Models that tests score with and do not change."""

from typing import NamedTuple

import pytest

from tests.pipeline.scoring.exports import write_models


class Models(NamedTuple):
    """One model in both of its forms."""

    trained: str
    export: str


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """A model that says one of three classes of tokens in the field `text`, of one token or more."""
    trained, export = write_models("class", tmp_path_factory.mktemp("class"))
    return Models(str(trained), str(export))
