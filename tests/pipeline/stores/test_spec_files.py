"""Files that a spec names, on an object store: vocabularies, classes, tokenizers."""

from pathlib import Path

import pytest

from pipeline import cli, files
from schemas.manifest import load_manifest, parse_manifest
from tests.pipeline.helpers import jsonl, review_records
from tests.pipeline.test_text_features import tokenizer_file

SPEC = """
name: reviews
id: id
sequences:
  text: {{type: tokens, tokenizer: whitespace, vocabulary: {{file: {folder}/words.txt}}}}
  parts: {{type: tokens, from: text, tokenizer: subwords, tokenizer_file: {folder}/bpe.json}}
label: {{from: stars, type: class, classes_file: {folder}/classes.txt}}
"""


def run(folder: str, source: str, output: str) -> int:
    files.write(files.join(folder, "spec.yaml"), SPEC.format(folder=folder).encode())
    spec = files.join(folder, "spec.yaml")
    return cli.main(["run", "--no_report", "--spec", spec, "--input", source, "--output", output])


@pytest.fixture
def local(bucket: str, tmp_path: Path) -> str:
    """A folder of spec files that lie in the bucket, too."""
    records = review_records(150)
    (tmp_path / "in.jsonl").write_bytes(jsonl(records))
    words = sorted({word for record in records for word in str(record["text"]).split()})
    classes = sorted({str(record["stars"]) for record in records})
    folder = tmp_path / "spec_files"
    folder.mkdir()
    (folder / "words.txt").write_text("".join(f"{word}\n" for word in words[::2]))
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in classes))
    tokenizer_file(folder / "bpe.json", words)
    for path in folder.iterdir():
        files.write(files.join(bucket, "spec_files", path.name), path.read_bytes())
    return str(folder)


def test_spec_files_on_a_store(local: str, bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = str(tmp_path / "in.jsonl")
    assert run(local, source, str(tmp_path / "here")) == 0
    there = f"{bucket}/there"
    assert run(f"{bucket}/spec_files", source, there) == 0
    expected = load_manifest(tmp_path / "here")
    found = parse_manifest(files.read(f"{there}/manifest.json"), there)
    assert list(found.shards) == list(expected.shards)
    assert found.vocabularies["text"].sha256 == expected.vocabularies["text"].sha256
    assert found.classes.sha256 == expected.classes.sha256
    assert found.tokenizers["parts"].sha256 == expected.tokenizers["parts"].sha256
    assert files.every_file(there) == files.every_file(str(tmp_path / "here"))
    assert cli.main(["verify", there]) == 0


@pytest.mark.parametrize("name", ["words.txt", "bpe.json", "classes.txt"])
def test_a_spec_file_that_is_not_there(
    local: str, bucket: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files.delete([f"{bucket}/spec_files/{name}"])
    assert run(f"{bucket}/spec_files", str(tmp_path / "in.jsonl"), f"{bucket}/there") in {1, 2}
    [line] = capsys.readouterr().err.splitlines()
    assert f"{bucket}/spec_files/{name}: cannot be read: no such object" in line
