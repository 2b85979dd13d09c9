"""Damaged files of every format: each is read, or refused with a reason, and nothing else happens.

`make soak` looks at many more of them.
"""

import base64
import resource
import zlib
from collections import Counter
from pathlib import Path

import pytest

from schemas.dataset_pb2 import Format
from schemas.formats.content import COMPRESSIONS
from tests.fuzz.cases import Case, Damaged, all_cases, damaged
from tests.fuzz.check import Outcome, check
from tests.fuzz.soak import MOST_GROWTH_KIB, soak
from tests.pipeline.formats import COMPRESSORS

SEED = 20
INPUTS = 1_500
SHARES = 10
# A Parquet file of one list, in whose footer one bit is flipped: Arrow ends the process when it is asked
# where the column begins.
ABORTS = zlib.decompress(
    base64.b85decode(
        "c-l2j%L;-}5FKxFbK!Qx3wI%c(jp}zp+%cEVc<gg1Ca{}zEUf{t1oPnTFhbKJmySxzC{S=qPs;#3r8*ifGxA&N+Zls7ikPOABwxGb7XK}"
        "wl<N4rzhfL-PWse7>PjBWA<8As#eYDK|04-Oh_SpkZ1~zgE(r_BLB;f6jov-zHyaQ0x0H09-o1@{Mr!Be8Wm$<8*odc&afdx-Q83zI{6{)"
        "emLcIQux<g^`f+%@0jR-+ciKcqMx"
    )
)


@pytest.mark.parametrize("share", range(SHARES))
def test_damaged_files(share: int) -> None:
    total: Counter[str] = Counter()
    for number in range(share, INPUTS, SHARES):
        try:
            outcome = check(damaged(SEED, number))
        except Exception as error:
            raise AssertionError(f"seed {SEED}, input {number}, {damaged(SEED, number).case.name}") from error
        total.update(kept=outcome.kept, rejected=outcome.rejected.total(), damaged=bool(outcome.error))
    assert min(total["kept"], total["rejected"], total["damaged"]) > 20, total
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 8 * MOST_GROWTH_KIB


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.name)
def test_whole_files(case) -> None:  # type: ignore[no-untyped-def]
    few_bytes = case.name.endswith("few bytes")
    for content in case.files:
        outcome = check(Damaged(case, content, 300))
        assert not outcome.error
        assert set(outcome.rejected) <= ({"too_large"} if few_bytes else set())
        assert outcome.kept + outcome.dropped > 0


def test_every_format_and_compression_is_there() -> None:
    readings = [case.reading for case in all_cases()]
    assert {reading.format for reading in readings} == set(Format.Value.keys()) - {"unspecified"}
    assert {reading.compression for reading in readings} == set(COMPRESSIONS)


def test_inputs_are_the_same_each_time() -> None:
    assert damaged(3, 7) == damaged(3, 7)
    assert damaged(3, 7) != damaged(4, 7)


def test_a_parquet_footer_that_arrow_does_not_survive() -> None:
    assert check(Damaged(case_of("parquet strict"), ABORTS, 300)) == Outcome(read=1, rejected=Counter(missing_field=1))


def case_of(name: str) -> Case:
    [case] = [case for case in all_cases() if case.name == name]
    return case


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_blank_lines_before_a_header(suffix: str) -> None:
    """The first block of a stream may hold nothing else."""
    content = b"\n\r\n\n" + case_of("csv strict").files[1]
    outcome = check(Damaged(case_of(f"csv{suffix} strict"), COMPRESSORS[suffix](content), 1))
    assert (outcome.error, outcome.kept) == ("", 3)
    blank = check(Damaged(case_of(f"csv{suffix} strict"), COMPRESSORS[suffix](b"\n\n\n"), 1))
    assert blank.error == "header: the file has none; its first line must hold the names of the columns"


@pytest.mark.parametrize("name", ["csv few bytes", "tsv few bytes"])
def test_lines_behind_a_record_that_is_cut(name: str) -> None:
    """All lines of a record that is too large count, also those that are not kept."""
    [_, several, _] = case_of(name).files
    long = b'"' + b"x\n" * 500 + b'"\n'
    header = several.index(b"\n") + 1
    for content in (several + long + several[header:], several[:header] + long + several[header:]):
        assert check(Damaged(case_of(name), content, 1)).rejected["too_large"] >= 1


def test_an_open_quote_that_is_longer_than_a_record() -> None:
    case = case_of("csv few bytes")
    content = case.files[1] + b'"' + b"x\n" * 500
    position = len(case.files[1])
    assert check(Damaged(case, content, 300)).error.startswith(f'byte {position}: the quote " that opens here is never')


def test_a_quote_that_is_closed_behind_what_is_kept() -> None:
    case = case_of("csv few bytes")
    content = case.files[1] + b'r9,"' + b"x" * 1_000 + b'",[],[],1,2\n'
    outcome = check(Damaged(case, content, len(case.files[1]) + 4))
    assert (outcome.error, outcome.rejected["too_large"]) == ("", 1)


def test_soak_prints_figures(tmp_path: Path) -> None:
    figures, findings = soak(4, SEED, 2, tmp_path)
    assert findings == []
    assert (figures["inputs"], figures["cases"], figures["seed"]) == (4, len(all_cases()), SEED)


def test_soak_reports_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.soak.work", end_at_one)
    _, findings = soak(3, SEED, 1, tmp_path)
    path = tmp_path / f"finding-{SEED}-1"
    assert findings == [
        f"seed {SEED}, input 0, {damaged(SEED, 0).case.name}, {tmp_path}/finding-{SEED}-0: wrong",
        f"seed {SEED}, input 1, {damaged(SEED, 1).case.name}, {path}: the process ended with 7",
    ]
    assert path.read_bytes() == damaged(SEED, 1).content


def end_at_one(pipe, seed: int, first: int, last: int, step: int) -> None:  # type: ignore[no-untyped-def]
    """What a worker does that finds something and then cannot go on."""
    for number in range(first, last, step):
        pipe.send(("at", number))
        if number == 0:
            pipe.send(("finding", "wrong"))
        if number == 1:
            raise SystemExit(7)
    pipe.send(("done", Counter(inputs=1)))
