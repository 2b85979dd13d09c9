"""What cannot work with a store is said in one line, at once."""

import os
from pathlib import Path

import pytest

from pipeline import cli, files
from pipeline.stores import client, systems
from pipeline.stores.client import forget_clients
from schemas.errors import UsageError
from tests.pipeline.helpers import REVIEW_SPEC


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Returns the exit code and the one line of a command that fails."""
    forget_clients()
    code = cli.main(arguments)
    [line] = capsys.readouterr().err.splitlines()
    return code, line


def test_a_bucket_that_does_not_exist(bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "spec.yaml").write_text(REVIEW_SPEC)
    said = "the bucket none does not exist; make it, or correct the path"
    code, line = refused(capsys, "verify", "s3://none/data")
    assert (code, line.endswith(said)) == (1, True)
    run = ["run", "--spec", str(tmp_path / "spec.yaml"), "--output", str(tmp_path / "data"), "--input"]
    code, line = refused(capsys, *run, "s3://none/*.jsonl")
    assert (code, line) == (1, f"error: s3://none/*.jsonl: cannot be listed: {said}")
    code, line = refused(capsys, *run, f"{bucket}/*.jsonl")
    assert (code, line.startswith(f"error: --input {bucket}/*.jsonl: matches no file")) == (2, True)
    code, line = refused(capsys, "run", "--spec", f"{bucket}/spec.yaml", "--input", "x", "--output", "y")
    assert (code, line.startswith(f"error: spec {bucket}/spec.yaml: cannot be read: no such object")) == (2, True)


def test_without_credentials(bucket: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_ENDPOINT_URL_S3"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
    code, line = refused(capsys, "verify", f"{bucket}/data")
    assert code == 1
    assert "no credentials (Unable to locate credentials); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in line
    monkeypatch.setenv("AWS_PROFILE", "none")
    assert "(none) could not be found; correct the option or the variable" in refused(capsys, "verify", bucket)[1]


def test_an_endpoint_that_nobody_answers(
    bucket: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_ATTEMPTS", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    code, line = refused(capsys, "verify", f"{bucket}/data")
    assert code == 1
    assert "Could not connect to the endpoint URL" in line
    assert line.endswith("check that the store is up, and AWS_ENDPOINT_URL_S3 or --s3_endpoint_url")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "nonsense")
    assert refused(capsys, "verify", f"{bucket}/data")[0] == 2


@pytest.mark.parametrize("code", ["AccessDenied", "403", "SignatureDoesNotMatch"])
def test_access_denied(bucket: str, code: str) -> None:
    from botocore.exceptions import ClientError

    with pytest.raises(OSError, match=f"access denied \\({code}\\); check the credentials"), client.in_words("b"):
        raise ClientError({"Error": {"Code": code, "Message": "x"}}, "GetObject")


def test_without_boto3(bucket: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.importlib.util, "find_spec", lambda name: None)
    code, line = refused(capsys, "verify", f"{bucket}/data")
    assert (code, line) == (
        2,
        "error: s3:// needs boto3, which is not installed here; pip install 'lengthwise[s3]'",
    )


@pytest.mark.parametrize(
    ("scheme", "said"),
    [
        ("gs", "gs:// needs a package that is missing here; pip install 'apache-beam[gcp]'"),
        ("hdfs", "hdfs:// needs a package that is missing here; pip install 'apache-beam[hadoop]'"),
        ("azfs", "azfs:// needs a package that is missing here; pip install 'apache-beam[azure]'"),
        ("foo", "no filesystem of Beam is called foo; say a local path, or azfs://, gs://, hdfs://, s3://"),
    ],
)
def test_a_scheme_without_a_filesystem(scheme: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systems, "_is_installed", lambda module: False)
    for use in (files.read, files.match, files.exists):
        with pytest.raises(UsageError) as raised:
            use(f"{scheme}://a/b")
        assert str(raised.value) == f"{scheme}://a/b: {said}"


def test_what_needs_a_local_disk(bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(REVIEW_SPEC)
    watch = ["watch", "--spec", str(spec), "--once"]
    for folder, output in ((bucket, str(tmp_path / "out")), (str(tmp_path), f"{bucket}/out")):
        code, line = refused(capsys, *watch, folder, "--output", output)
        assert code == 2
        assert f"{bucket}" in line
        assert "is on no local disk, and `watch` needs one" in line
    run = ["run", "--spec", str(spec), "--input", "x", "--output", f"{bucket}/out"]
    code, line = refused(capsys, *run, "--metrics", f"{bucket}/run.prom")
    assert (code, line.startswith(f"error: --metrics {bucket}/run.prom: is on no local disk")) == (2, True)
    code, line = refused(capsys, "clean", f"{bucket}/none")
    assert (code, line.startswith(f"error: {bucket}/none: holds no data set")) == (2, True)
    assert files.every_file(bucket) == []
