"""The client of an S3-compatible store: one for a process, and what it raises in words a person can act on.

boto3 is not imported until a path needs it, for it is in an extra of its own.
"""

import contextlib
import errno
import functools
import importlib.util
from collections.abc import Iterator
from typing import Any, NamedTuple

from apache_beam.options.pipeline_options import PipelineOptions, S3Options

from schemas.errors import UsageError

_CONNECT_SECONDS = 5
_READ_SECONDS = 60
_ATTEMPTS = 4  # of a request, with pauses of up to 1, 2 and 4 seconds between them
_CONNECTIONS = 32
_MISSING = {"404", "NoSuchKey", "NotFound", "NoSuchUpload"}
_DENIED = {"401", "403", "AccessDenied", "AllAccessDisabled", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
_DENIED |= {"ExpiredToken", "InvalidToken", "InvalidClientTokenId"}
CHANGED = {"412", "PreconditionFailed"}
BUSY = {"409", "ConditionalRequestConflict"}  # with another conditional request for the same object
UNKNOWN = {"501", "NotImplemented"}  # what was asked for; such as a condition
BEYOND = {"416", "InvalidRange"}


class _Settings(NamedTuple):
    """Beam's options about S3; what is None the environment says."""

    region: str | None
    api_version: str | None
    use_ssl: bool
    verify: str | None
    endpoint: str | None
    key: str | None
    secret: str | None
    token: str | None


def client_of(options: PipelineOptions | None) -> Any:
    """Returns the client that Beam's options mean; without options, or where they say nothing, the environment's.

    Raises:
      UsageError: boto3 is not installed, or an option or a variable has no valid value.
    """
    said = (options or PipelineOptions([])).view_as(S3Options)
    return _client(
        _Settings(
            said.s3_region_name,
            said.s3_api_version,
            not said.s3_disable_ssl,
            said.s3_verify,
            said.s3_endpoint_url,
            said.s3_access_key_id,
            said.s3_secret_access_key,
            said.s3_session_token,
        )
    )


@functools.cache
def _client(settings: _Settings) -> Any:
    """To make a client takes a tenth of a second; threads may share one."""
    check_installed()
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        max_pool_connections=_CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
    )
    try:
        return boto3.session.Session().client(
            "s3",
            region_name=settings.region,
            api_version=settings.api_version,
            use_ssl=settings.use_ssl,
            verify=settings.verify,
            endpoint_url=settings.endpoint,
            aws_access_key_id=settings.key,
            aws_secret_access_key=settings.secret,
            aws_session_token=settings.token,
            config=config,
        )
    except (BotoCoreError, ValueError) as error:
        raise UsageError(f"s3://: {_one_line(error)}; correct the option or the variable AWS_… that says it") from None


def check_installed() -> None:
    """Raises a UsageError where boto3 is not installed."""
    if importlib.util.find_spec("boto3") is None:
        raise UsageError("s3:// needs boto3, which is not installed here; pip install 'lengthwise[s3]'")


def forget_clients() -> None:
    """Makes the next request read the environment again."""
    _client.cache_clear()


class StoreError(OSError):
    """What a store refused; `code` is its own word for it."""

    def __init__(self, number: int, said: str, code: str = "") -> None:
        super().__init__(number, said)
        self.code = code


@contextlib.contextmanager
def in_words(bucket: str) -> Iterator[None]:
    """Context in which what boto3 raises becomes an OSError with a line of its own."""
    check_installed()
    from botocore import exceptions as raised
    from urllib3.exceptions import HTTPError

    try:
        yield
    except raised.ClientError as error:
        said = error.response.get("Error", {})
        raise _refused(bucket, str(said.get("Code", "")), str(said.get("Message", ""))) from error
    except (raised.NoCredentialsError, raised.PartialCredentialsError, raised.CredentialRetrievalError) as error:
        line = (
            f"no credentials ({_one_line(error)}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, "
            "where the command and each worker run"
        )
        raise StoreError(errno.EACCES, line) from error
    except (raised.ConnectionError, raised.HTTPClientError, HTTPError) as error:
        # Without what was asked for: the endpoint is what matters.
        said = _one_line(error).split("?")[0]
        line = f"{said}; check that the store is up, and AWS_ENDPOINT_URL_S3 or --s3_endpoint_url"
        raise StoreError(errno.EHOSTUNREACH, line) from error
    except raised.BotoCoreError as error:
        raise StoreError(errno.EINVAL, _one_line(error)) from error


def _refused(bucket: str, code: str, message: str) -> OSError:
    if code == "NoSuchBucket":
        return StoreError(errno.EINVAL, f"the bucket {bucket} does not exist; make it, or correct the path", code)
    if code in _MISSING:
        return FileNotFoundError(errno.ENOENT, "no such object")
    if code in _DENIED:
        line = f"access denied ({code}); check the credentials, and what they allow in the bucket {bucket}"
        return StoreError(errno.EACCES, line, code)
    if code in CHANGED:
        return StoreError(errno.EIO, "was written anew while it was read; run again when nobody writes to it", code)
    return StoreError(errno.EIO, f"the store says {code}: {' '.join(message.split())}", code)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".")
