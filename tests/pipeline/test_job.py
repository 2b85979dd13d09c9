from pathlib import Path

from pipeline.blocks import Block, InputFile, Piece
from pipeline.job import Job


def job(inputs: list[InputFile], fractions: dict[str, float], *named: str) -> Job:
    splits = frozenset(named)
    return Job(b"", tuple(inputs), fractions, output="out", run="run-1", block_bytes=4, named_splits=splits)


def test_blocks_are_pieces_of_the_files_in_order() -> None:
    inputs = [InputFile("a", 9, ""), InputFile("b", 0, "test"), InputFile("c", 2, "test"), InputFile("d", 4, "train")]
    assert job(inputs, {"train": 1.0}).blocks() == [
        Block(0, (Piece("a", 0, 4, ""),)),
        Block(1, (Piece("a", 4, 8, ""),)),
        Block(2, (Piece("a", 8, 9, ""), Piece("c", 0, 2, "test"))),
        Block(3, (Piece("d", 0, 4, "train"),)),
    ]


def test_most_steps_are_told_nothing_of_the_files() -> None:
    of = job([InputFile("a", 9, "test")], {"train": 1.0}, "test")
    assert of.without_inputs() == job([], {"train": 1.0}, "test")
    assert of.without_inputs().splits == of.splits == ["train", "test"]


def test_splits_of_the_fractions_come_first() -> None:
    assert job([], {"validation": 0.1, "train": 0.9}, "test", "extra", "train").splits == [
        "train",
        "validation",
        "extra",
        "test",
    ]
    assert job([], {"train": 1.0}, "test").splits == ["train", "test"]


def test_paths_of_a_run_are_its_own() -> None:
    one = job([], {})
    assert one.staging == str(Path("out/.staging/run-1"))
    assert one.failed == str(Path("out/failed/run-1"))
    assert one.staged_path(7) == str(Path("out/.staging/run-1/blocks/block-0000007-00000-0.arrow"))
    assert one.segment_path(7) == str(Path("out/.staging/run-1/segments/block-0000007-00000"))
    assert one.rejected_path(7, "stage") == str(Path("out/.staging/run-1/rejected/block-0000007-00000-stage.jsonl"))
