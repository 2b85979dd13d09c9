"""Whether what a job needs can be reached from here, found out within a few seconds."""

import ipaddress
import re
import socket
import threading
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import grpc

from schemas.errors import UsageError

SECONDS = 3.0  # for each question; a name that nobody resolves takes a resolver longer than that
_ADDRESS = re.compile(
    r"(?P<scheme>https?://)?(?:\[(?P<six>[0-9a-fA-F:]+)\]|(?P<host>[^\s:/\[\]]+))(?::(?P<port>\d{1,5}))?"
)
_Answer = TypeVar("_Answer")


class Address(NamedTuple):
    """A host and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Problem(NamedTuple):
    """Why something cannot be reached from here.

    Attributes:
      words: To follow "cannot be reached from here: ".
      is_known: Whether the name of the host means something here; elsewhere it may all the same.
    """

    words: str
    is_known: bool = True


def parse_address(option: str, text: str, default_port: int | None = None, may_be_url: bool = False) -> Address:
    """Returns the address that an option states.

    Args:
      option: Its name, for the message.
      text: `HOST:PORT`.
      default_port: Where the text has none; None: it must have one.
      may_be_url: Whether `http://` may stand before it, but nothing behind it: what Flink and Spark take.

    Raises:
      UsageError: It is no address.
    """
    match = _ADDRESS.fullmatch(text.strip())
    match = None if match and match["scheme"] and not may_be_url else match
    port = int(match["port"]) if match and match["port"] else default_port
    if match is None or port is None or not 0 < port < 1 << 16:
        raise UsageError(f"{option}={text}: is no address; say HOST:PORT")
    return Address(match["six"] or match["host"], port)


def is_here(host: str) -> bool:
    """Returns whether a host is this machine, as far as its name or number tells without asking anybody."""
    if host in ("localhost", socket.gethostname()):
        return True
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        return False
    return number.is_loopback or number.is_unspecified or _is_own(host)


def is_loopback(host: str) -> bool:
    """Returns whether a host means, wherever it is said, the machine on which it is said."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def why_unreachable(address: Address, seconds: float = SECONDS) -> Problem | None:
    """Returns why nobody answers at an address, or None where somebody does."""
    silent: Problem | None = Problem(f"no answer within {seconds:g} s")
    return within(seconds + 1, lambda: _connect(address, seconds), silent)


def why_no_service(address: Address, seconds: float = SECONDS) -> Problem | None:
    """Returns why no service of gRPC answers at an address, or None where one does."""
    problem = why_unreachable(address, seconds)
    if problem:
        return problem
    with grpc.insecure_channel(str(address)) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=seconds)
        except grpc.FutureTimeoutError:
            return Problem(f"something answers there, but no service of gRPC within {seconds:g} s")
    return None


def within(seconds: float, work: Callable[[], _Answer], otherwise: _Answer) -> _Answer:
    """Returns what a question is answered with, or something else where that takes too long."""
    answers: list[_Answer] = []
    thread = threading.Thread(target=lambda: answers.append(work()), daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[0] if answers else otherwise


def words_of(error: OSError, seconds: float = SECONDS) -> Problem:
    """Returns what an error of the network means."""
    if isinstance(error, socket.gaierror):
        return Problem("no such host", is_known=False)
    if isinstance(error, TimeoutError):
        return Problem(f"no answer within {seconds:g} s")
    if isinstance(error, ConnectionRefusedError):
        return Problem("connection refused, so that nothing listens there")
    return Problem(str(error.strerror or error))


def _connect(address: Address, seconds: float) -> Problem | None:
    try:
        with socket.create_connection(address, timeout=seconds):
            return None
    except OSError as error:
        return words_of(error, seconds)


def _is_own(number: str) -> bool:
    """Returns whether a number is one of this machine: no other can be listened at."""
    family = socket.AF_INET6 if ":" in number else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((number, 0))
        except OSError:
            return False
    return True
