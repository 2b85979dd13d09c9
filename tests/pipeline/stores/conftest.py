"""A server and a bucket for each test that asks for them."""

import itertools
from collections.abc import Iterator

import pytest
from apache_beam.io.filesystems import FileSystems

from pipeline.stores.client import client_of, forget_clients
from tests.pipeline.stores.server import StoreServer

_numbers = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[StoreServer]:
    found = StoreServer()
    yield found
    found.close()


@pytest.fixture
def bucket(server: StoreServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Path of an empty bucket; the environment says where, and nobody has said any options."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(FileSystems, "_pipeline_options", None)
    forget_clients()
    name = f"bucket-{next(_numbers)}"
    client_of(None).create_bucket(Bucket=name)
    server.counts.clear()
    yield f"s3://{name}"
    server.knows_conditions = True
    server.refused = lambda kind, path: ""
    forget_clients()
