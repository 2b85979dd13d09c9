"""Every example loads, and published files become records that its spec takes."""

import gzip
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from schemas.spec import dump_spec, load_spec
from tests.pipeline.helpers import prepare, read_dataset
from trainer.config import load_config

EXAMPLES = Path(__file__).parents[2] / "examples"
VOWELS = "@problemName JapaneseVowels\n@Data\n"


def module(name: str) -> ModuleType:
    """Returns a script of the folder of examples, which is no package."""
    found = importlib.util.spec_from_file_location(f"examples_{name}", EXAMPLES / f"{name}.py")
    assert found is not None and found.loader is not None
    made = importlib.util.module_from_spec(found)
    sys.modules[found.name] = made
    found.loader.exec_module(made)
    return made


def vowel(speaker: int, frames: int) -> str:
    """Returns a line of twelve channels, in which channel c of frame f is c + f / 10."""
    return ":".join(",".join(f"{c}.{f}" for f in range(frames)) for c in range(12)) + f":{speaker}\n"


FILES = {
    "rt_polarity": {"rt-polarity.neg": "a bad film\n\nnot good\n", "rt-polarity.pos": "a good film\ngood\nfine\n"},
    "japanese_vowels": {
        "JapaneseVowels_TRAIN.ts": VOWELS + vowel(1, 3) + vowel(2, 2),
        "JapaneseVowels_TEST.ts": VOWELS + vowel(2, 4),
    },
    "ud_english_ewt": {
        f"en_ewt-ud-{part}.conllu.gz": "# text = Don't go\n1-2\tDon't\t_\t_\n1\tDo\tdo\tAUX\n2\tn't\tnot\tPART\n"
        "2.1\tgone\tgo\tVERB\n3\tgo\tgo\tVERB\n\n# newdoc\n1\tGo\tgo\tVERB\n"
        for part in ("train", "dev", "test")
    },
    "wnut17": dict.fromkeys(
        ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated"),
        "#Go\tO\nAnna\tB-person\n \t \n\nhi\tO\n",
    ),
    "bpi13": {
        "bpi_13_incidents.csv": "CaseID,ActivityID,CompleteTimestamp\n"
        "a,1,2010-04-01 01:00:00\na,2,2010-04-01 02:00:00\nb,1,2012-05-04 09:00:00\n"
    },
    "gutenberg": {
        "pg1_emma.txt": "One\r\nline.\r\n\r\n \r\nTwo.\r\n",
        "pg2_ivan.txt": "\ufeffThree, four.\n\nFive\n\nSix\n",
    },
}
LENGTHS = {
    "rt_polarity": {"neg-0": 3, "neg-2": 2, "pos-0": 3, "pos-1": 1, "pos-2": 1},
    "japanese_vowels": {"TRAIN-0": 3, "TRAIN-1": 2, "TEST-0": 4},
    "ud_english_ewt": {f"{part}-{i}": 3 - 2 * i for part in ("train", "dev", "test") for i in (0, 1)},
    "wnut17": {f"{part}-{i}": 2 - i for part in ("train", "validation", "test") for i in (0, 1)},
    "bpi13": {"a": 2, "b": 1},
    "gutenberg": {"emma-0": 3, "emma-1": 2, "ivan-0": 4, "ivan-1": 1, "ivan-2": 1},
}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/spec.yaml")), ids=lambda path: path.parent.name)
def test_every_spec_loads(path: Path) -> None:
    assert load_spec(path).sequences


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/trainer.yaml")), ids=lambda path: path.parent.name)
def test_all_settings_load(path: Path) -> None:
    assert load_config(path, []).epochs >= 1


@pytest.mark.parametrize("name", sorted(FILES))
def test_published_files_become_a_data_set(name: str, tmp_path: Path) -> None:
    published, output = tmp_path / "published", tmp_path / "output"
    published.mkdir()
    output.mkdir()
    for file, text in FILES[name].items():
        content = text.encode()
        (published / file).write_bytes(gzip.compress(content) if file.endswith(".gz") else content)
    inputs = getattr(module("raw_files"), name)(published, output)
    named = [f"{split}={path}" if split else str(path) for split, path in inputs]
    prepare(dump_spec(load_spec(EXAMPLES / name / "spec.yaml")), named, tmp_path / "data")
    found = {record.id: record.length for record in read_dataset(tmp_path / "data")}
    assert found == LENGTHS[name]
