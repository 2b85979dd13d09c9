"""The process of a command: what its threads print."""

import threading

import grpc
import pytest

from pipeline.__main__ import _tell_of_thread


class Ended(grpc.RpcError):  # type: ignore[misc]  # gRPC has no types
    pass


Ended.__module__ = "grpc._channel"


@pytest.mark.parametrize(("kind", "told"), [(Ended, False), (ZeroDivisionError, True)])
def test_the_end_of_an_engine_is_no_news(kind: type[Exception], told: bool, capsys: pytest.CaptureFixture[str]) -> None:
    _tell_of_thread(threading.ExceptHookArgs((kind, kind("why"), None, threading.current_thread())))
    assert ("why" in capsys.readouterr().err) == told
