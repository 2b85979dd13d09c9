"""Looks at published spans: each manifest is read once, whatever else changes; and whose spans a model is of."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import DataError, UsageError
from schemas.manifest import MANIFEST_NAME, dump_manifest, load_manifest, seal
from tests.trainer.conftest import BOUNDS, TOKEN_SPEC, token_records
from tests.trainer.dataset_builder import build_span
from trainer.following import look as look_module
from trainer.following.belonging import check_belongs
from trainer.following.look import Look
from trainer.following.plan import Facts

DAYS = ("2026-11-20", "2026-11-21", "2026-11-22")


def publish(root: Path, name: str, words: str = "", **options: Any) -> None:
    records = token_records(name, [3, 5, 2, 8])
    records[0]["text"] += words
    split = "validation" if options.pop("no_train", False) else "train"
    build_span(root, name, TOKEN_SPEC, {split: records}, bounds=None if "base" in options else BOUNDS, **options)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    publish(folder, DAYS[0])
    publish(folder, DAYS[1], base=DAYS[0], no_train=True)
    return folder


def test_each_manifest_is_read_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    facts_of = look_module._facts
    monkeypatch.setattr(look_module, "_facts", lambda path: read.append(path.parent.name) or facts_of(path))  # type: ignore[func-returns-value]
    look = Look(root)
    before = look.spans()
    assert before == {
        day: Facts(load_manifest(root / "spans" / day).fingerprint, examples, before[day].rank)
        for day, examples in zip(DAYS, (4, 0), strict=False)
    }
    (root / "spans" / "unpublished").mkdir()
    (root / "spans" / ".hidden").mkdir()
    assert look.spans() == before
    assert sorted(read) == list(DAYS[:2])
    publish(root, DAYS[2], words=" new words", base=DAYS[0], extends=True)
    manifest = load_manifest(root / "spans" / DAYS[0])
    manifest.counts.read += 1
    (root / "spans" / DAYS[0] / MANIFEST_NAME).write_bytes(dump_manifest(seal(manifest)))
    shutil.rmtree(root / "spans" / DAYS[1])
    after = look.spans()
    assert sorted(read[2:]) == [DAYS[0], DAYS[2]]
    assert set(after) == {DAYS[0], DAYS[2]}
    assert after[DAYS[0]].fingerprint == manifest.fingerprint != before[DAYS[0]].fingerprint
    assert after[DAYS[2]].rank > after[DAYS[0]].rank


def test_what_is_no_manifest(root: Path) -> None:
    assert Look(root / "nowhere").spans() == {}
    (root / "spans" / DAYS[0] / MANIFEST_NAME).write_bytes(b"torn")
    with pytest.raises(DataError, match="is no manifest; it is damaged"):
        Look(root).spans()


def test_a_model_belongs_to_spans_of_its_base(root: Path, tmp_path: Path) -> None:
    publish(root, DAYS[2], words=" new words", base=DAYS[0], extends=True)
    publish(tmp_path / "other", DAYS[0], words=9 * " zebra")
    # Of a model only its manifest and its vocabularies are looked at, which those of a span stand for.
    check_belongs(root / "spans" / DAYS[0], root, DAYS[2])
    check_belongs(root / "spans" / DAYS[2], root, DAYS[1])
    with pytest.raises(UsageError) as error:
        check_belongs(root / "spans" / DAYS[0], tmp_path / "other", DAYS[0])
    assert str(error.value) == (
        f"{root}/spans/{DAYS[0]}: was trained on other data than the span '{DAYS[0]}' of {tmp_path}/other: the "
        "vocabulary of 'text' of neither begins with that of the other; choose another --output, or name the folder of "
        "its own spans as --data"
    )
