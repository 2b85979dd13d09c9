from pathlib import Path

from pipeline.job import Block, InputFile, Job


def job(inputs: list[InputFile], fractions: dict[str, float], block_bytes: int = 4) -> Job:
    return Job(b"", tuple(inputs), fractions, output="out", run="run-1", block_bytes=block_bytes)


def test_blocks_are_ranges_of_the_files_in_order() -> None:
    inputs = [InputFile("a", 9, ""), InputFile("b", 0, "test"), InputFile("c", 4, "train")]
    assert job(inputs, {"train": 1.0}).blocks() == [
        Block(0, "a", 0, 4, ""),
        Block(1, "a", 4, 8, ""),
        Block(2, "a", 8, 9, ""),
        Block(3, "c", 0, 4, "train"),
    ]


def test_splits_of_the_fractions_come_first() -> None:
    inputs = [InputFile(name, 1, split) for name, split in (("a", "test"), ("b", "extra"), ("c", "train"), ("d", ""))]
    assert job(inputs, {"validation": 0.1, "train": 0.9}).splits == ["train", "validation", "extra", "test"]
    assert job(inputs[:1], {"train": 1.0}).splits == ["train", "test"]


def test_paths_of_a_run_are_its_own() -> None:
    one = job([], {})
    assert one.staging == str(Path("out/.staging/run-1"))
    assert one.failed == str(Path("out/failed/run-1"))
    assert one.staged_path(7) == str(Path("out/.staging/run-1/blocks/block-0000007.arrow"))
    assert one.segment_path(7) == str(Path("out/.staging/run-1/segments/block-0000007"))
    assert one.rejected_path(7, "stage") == str(Path("out/.staging/run-1/rejected/block-0000007-stage.jsonl"))
