import socket
import time

import pytest

from pipeline.runners import endpoints
from pipeline.runners.endpoints import Problem, is_here, parse_address, why_no_service, why_unreachable, within
from schemas.errors import UsageError
from tests.pipeline.runners.servers import refusing, serving_grpc, silent


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("host:80", "host:80"),
        (" host:80 ", "host:80"),
        ("host", "host:7"),
        ("[::1]:80", "[::1]:80"),
        ("10.0.0.1:65535", "10.0.0.1:65535"),
    ],
)
def test_addresses(text: str, address: str) -> None:
    assert str(parse_address("--at", text, 7)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host",
        "host:",
        "host:0",
        "host:65536",
        "a b:1",
        "host:1/path",
        "host:1/",
        "http://h:1",
        "spark://h:1",
        "a:b",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_address("--at", text)
    assert str(caught.value) == f"--at={text}: is no address; say HOST:PORT"


def test_addresses_that_may_be_those_of_a_web_server() -> None:
    assert str(parse_address("--at", " http://host:80 ", may_be_url=True)) == "host:80"
    assert str(parse_address("--at", "https://a.b.c", 443, may_be_url=True)) == "a.b.c:443"
    for text in ("http://host:80/", "host:80/", "ftp://host:80"):
        with pytest.raises(UsageError, match="is no address; say HOST:PORT"):
            parse_address("--at", text, may_be_url=True)


def test_this_machine() -> None:
    assert all(map(is_here, ["localhost", "127.0.0.1", "127.0.0.2", "::1", socket.gethostname()]))
    assert not any(map(is_here, ["192.0.2.1", "2001:db8::1", "elsewhere.example"]))


def test_nobody_listens() -> None:
    address = parse_address("--at", refusing())
    expected = Problem("connection refused, so that nothing listens there")
    assert why_unreachable(address) == why_no_service(address) == expected


def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("socket.create_connection", unknown)
    assert why_unreachable(parse_address("--at", "nowhere.example:1")) == Problem("no such host", is_known=False)


def test_a_service_and_what_is_none() -> None:
    with serving_grpc() as address:
        assert why_no_service(parse_address("--at", address)) is None
    with silent() as address:
        assert why_unreachable(parse_address("--at", address)) is None
        problem = why_no_service(parse_address("--at", address), 0.2)
        assert problem == Problem("something answers there, but no service of gRPC within 0.2 s")


def test_a_question_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    assert within(5, lambda: "yes", "no") == "yes"
    assert within(0.01, lambda: time.sleep(1) or "yes", "no") == "no"
    monkeypatch.setattr(endpoints, "_connect", lambda *_: time.sleep(5))
    assert why_unreachable(parse_address("--at", "host:1"), -0.9) == Problem("no answer within -0.9 s")
