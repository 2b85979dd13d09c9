import re
from pathlib import Path

import pytest

from pipeline.inputs import check_output, match_inputs, partitions_of, plan_job, split_fractions
from schemas.dataset_pb2 import Format, Input
from schemas.errors import DataError, UsageError
from schemas.formats.blocks import BLOCK_BYTES
from schemas.spec import DEFAULT_FRACTIONS, parse_spec

SPEC = parse_spec("sequences: {text: {type: tokens}}")
SHARED = parse_spec("sequences: {text: {type: tokens}}\nsplit: {fractions: {train: 0.8, validation: 0.1, test: 0.1}}")


def write(path: Path, content: str = "{}\n") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return str(path)


def refusal(inputs: list[str], kind: type[Exception] = UsageError) -> str:
    with pytest.raises(kind) as caught:
        match_inputs(inputs)
    return str(caught.value)


def test_files_are_sorted_with_their_sizes_and_splits(tmp_path: Path) -> None:
    b, a, c = (write(tmp_path / name, "x" * size) for name, size in (("b.jsonl", 2), ("a.json", 1), ("c.ndjson", 3)))
    found = match_inputs([f"test={b}", c, a])
    assert [(file.path, file.bytes, file.split) for file in found] == [(a, 1, ""), (b, 2, "test"), (c, 3, "")]


def test_patterns_match_files(tmp_path: Path) -> None:
    paths = [write(tmp_path / name) for name in ("part-1.jsonl", "part-2.jsonl")]
    write(tmp_path / "other.txt")
    assert [file.path for file in match_inputs([str(tmp_path / "part-*.jsonl")])] == paths
    assert [file.path for file in match_inputs([str(tmp_path / "part-[2-9].jsonl")])] == paths[1:]


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "none.jsonl"
    assert refusal([str(path)]) == (
        f"--input {path}: matches no file; check the path, and quote a pattern for the shell"
    )
    assert refusal([str(tmp_path / "no" / "folder" / "*.jsonl")]).endswith("quote a pattern for the shell")
    braces = "check the path, and write {a,b} without quotes, for only the shell knows it"
    assert refusal([str(tmp_path / "{a,b}.jsonl")]).endswith(braces)


def test_no_pattern_at_all() -> None:
    assert refusal([]) == "--input: names no file; say --input [SPLIT=]PATTERN"
    assert refusal([""]) == "--input '': names no file; say --input [SPLIT=]PATTERN"
    assert refusal(["train="]) == "--input 'train=': names no file; say --input [SPLIT=]PATTERN"


def test_a_folder_means_the_files_below_it(tmp_path: Path) -> None:
    paths = [write(tmp_path / name) for name in ("a.jsonl", "deep/b.csv.gz", "deep/er/c.tsv")]
    for hidden in (".hidden.jsonl", "deep/.git/d.jsonl"):
        write(tmp_path / hidden)
    found = match_inputs([f"test={tmp_path}"])
    assert [(file.path, file.split, file.reading.format) for file in found] == [
        (paths[0], "test", "jsonl"),
        (paths[1], "test", "csv"),
        (paths[2], "test", "tsv"),
    ]


def test_a_folder_with_files_of_no_format(tmp_path: Path) -> None:
    other = write(tmp_path / "b.doc")
    assert refusal([str(tmp_path)]) == (
        f"--input {tmp_path}: holds 1 file(s), none with a suffix that names a format, such as {other}; "
        "say `input: {format: …}` in the spec"
    )
    write(tmp_path / "a.jsonl")
    assert refusal([str(tmp_path)]) == (
        f"--input {tmp_path}: holds 1 file(s) whose suffix names no format, such as {other}; "
        "name the files with a pattern, or say `input: {format: …}` in the spec"
    )
    assert len(match_inputs([str(tmp_path)], Input(format=Format.lines))) == 2


def test_an_empty_folder(tmp_path: Path) -> None:
    assert refusal([str(tmp_path)]) == (
        f"--input {tmp_path}: matches no file; check the path, and quote a pattern for the shell"
    )


def test_a_suffix_that_names_no_format(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl")
    path = write(tmp_path / "b.doc")
    assert refusal([str(tmp_path / "*")]).startswith(f"{path}: has the suffix '.doc', which names no format;")


def test_an_empty_file_alone(tmp_path: Path) -> None:
    path, other = write(tmp_path / "a.jsonl", ""), write(tmp_path / "b.jsonl", "")
    text = f"{path}: is empty (0 bytes), as is all input; check what should write it"
    assert refusal([path], DataError) == text
    assert refusal([other, path], DataError) == text


def test_an_empty_file_among_others(tmp_path: Path) -> None:
    empty, full = write(tmp_path / "a.jsonl", ""), write(tmp_path / "b.jsonl")
    assert [(file.path, file.bytes) for file in match_inputs([empty, full])] == [(empty, 0), (full, 3)]


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl")
    assert [file.path for file in match_inputs([path, str(tmp_path / "*.jsonl"), path])] == [path]


def test_a_file_is_known_by_any_of_its_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.jsonl")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "a.jsonl")
    monkeypatch.chdir(tmp_path)
    names = ["./a.jsonl", "a.jsonl", str(tmp_path / "a.jsonl"), "link.jsonl"]
    assert len(match_inputs(names)) == 1
    assert match_inputs(names) == match_inputs(names[::-1])
    assert refusal(["train=a.jsonl", "test=./a.jsonl"]).endswith(
        "is given to the splits 'test' and 'train'; name it once"
    )


@pytest.mark.parametrize(("first", "second"), [("train=", "test="), ("", "test="), ("test=", "")])
def test_a_file_of_two_splits(tmp_path: Path, first: str, second: str) -> None:
    path = write(tmp_path / "a.jsonl")
    splits = " and ".join(sorted(repr(name.rstrip("=")) for name in (first, second)))
    assert refusal([first + path, second + path]) == f"{path}: is given to the splits {splits}; name it once"


def test_no_input_names_a_split() -> None:
    assert split_fractions(SPEC, {""}) == {"train": 0.9, "validation": 0.1}
    assert split_fractions(SHARED, {""}) == {"train": 0.8, "validation": 0.1, "test": 0.1}


def test_training_files_are_what_is_left_for_training() -> None:
    """`train=` says no more than that the files are no others; validation is held out all the same."""
    assert split_fractions(SPEC, {"train", "test"}) == DEFAULT_FRACTIONS
    assert split_fractions(SPEC, {"train"}) == DEFAULT_FRACTIONS
    assert split_fractions(SHARED, {"train"}) == {"train": 0.8, "validation": 0.1, "test": 0.1}


def test_given_validation_files_nothing_is_held_out() -> None:
    assert split_fractions(SPEC, {"train", "validation", "test"}) == {"train": 1.0}
    assert split_fractions(SPEC, {"", "validation"}) == {"train": 1.0}


@pytest.mark.parametrize("name", ["test", "validation"])
def test_a_split_that_both_an_input_and_the_spec_decide(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        split_fractions(SHARED, {"train", name})
    assert str(caught.value) == (
        f"split '{name}' comes from --input {name}= and from split.fractions in the spec; remove one"
    )


def test_no_file_is_for_training() -> None:
    with pytest.raises(UsageError) as caught:
        split_fractions(SPEC, {"traln", "test"})
    assert str(caught.value) == "--input: no file is for training, only test=, traln=; say train= or no split for some"


def test_a_split_of_its_own_beside_fractions() -> None:
    assert split_fractions(SHARED, {"", "holdout"}) == {"train": 0.8, "validation": 0.1, "test": 0.1}


def test_the_output_must_be_free(tmp_path: Path) -> None:
    check_output(str(tmp_path / "new"), replace=False)
    check_output(str(tmp_path), replace=False)
    write(tmp_path / "manifest.json")
    with pytest.raises(UsageError) as caught:
        check_output(str(tmp_path), replace=False)
    assert str(caught.value) == (
        f"{tmp_path}: holds a data set already; say --replace to replace it, or name another folder"
    )
    check_output(str(tmp_path), replace=True)


@pytest.mark.parametrize("replace", [False, True])
def test_the_output_must_be_a_folder(tmp_path: Path, replace: bool) -> None:
    path = write(tmp_path / "a.jsonl")
    with pytest.raises(UsageError, match=re.escape(f"{path}: is a file; --output must name a folder")):
        check_output(path, replace)
    with pytest.raises(UsageError, match="--output: is empty; name the folder to write the data set to"):
        check_output("", replace)


def test_a_job_from_settings(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl")
    job = plan_job(SPEC, [f"train={path}"], f"{tmp_path}/out/", max_rejected=0.25, spec_text="text")
    assert job.spec == SPEC
    assert (job.output, job.max_rejected, job.spec_text) == (f"{tmp_path}/out", 0.25, "text")
    assert (job.block_bytes, job.splits) == (BLOCK_BYTES, ["train", "validation"])
    assert [piece.path for block in job.blocks() for piece in block.pieces] == [path]
    assert re.fullmatch(r"\d{8}T\d{6}-[0-9a-f]{6}", job.run)
    again = plan_job(SPEC, [path], str(tmp_path / "out"))
    assert again.run != job.run


@pytest.mark.parametrize(("size", "partitions"), [(1, 1), (10, 1), (11, 2), (100, 10), (10_240, 1_024), (10**9, 1_024)])
def test_partitions_of_events_are_of_the_size_of_a_block(size: int, partitions: int) -> None:
    assert partitions_of(size, 10) == partitions


def test_an_event_that_is_read_as_two_types(tmp_path: Path) -> None:
    spec = parse_spec("sequences: {w: {type: tokens}}\ngroup: {by: a, order_by: a}")
    with pytest.raises(UsageError, match="'a' is read as"):
        plan_job(spec, [write(tmp_path / "a.jsonl")], str(tmp_path / "out"))


def test_a_spec_that_reads_one_field_as_two_types(tmp_path: Path) -> None:
    spec = parse_spec("sequences: {text: {type: tokens, tokenizer: words}, more: {type: series, dims: 1, from: text}}")
    with pytest.raises(UsageError, match="'text' is read as"):
        plan_job(spec, [write(tmp_path / "a.jsonl")], str(tmp_path / "out"))
