import pytest

from trainer import cli


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["train", "--data", "s3://b/data", "--output", "model"],
            "--data s3://b/data: is on no local disk; copy it to one first, such as with "
            "`aws s3 sync s3://b/data FOLDER`, and name the copy",
        ),
        (
            ["train", "--data", "data", "--output", "gs://b/model"],
            "--output gs://b/model: is on no local disk; name a local folder, and copy what is written there when it "
            "is done",
        ),
        (
            ["predict", "--model", "model", "--input", "gs://b/x.jsonl", "--output", "out.jsonl"],
            "--input gs://b/x.jsonl: is on no local disk; copy it to one first, such as with the tool of that store, "
            "and name the copy",
        ),
    ],
)
def test_a_path_that_is_not_local_is_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    assert capsys.readouterr().err == f"error: {said}\n"
