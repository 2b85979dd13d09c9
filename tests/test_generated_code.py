"""The generated code holds what the .proto files say, and the data of Unicode what its files say."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools import generate_unicode

ROOT = Path(__file__).resolve().parent.parent

# As the Unicode Consortium writes it: a range has a first and a last line.
UNICODE_DATA = """\
0030;DIGIT ZERO;Nd;0;EN;;0;0;0;N;;;;;
0041;LATIN CAPITAL LETTER A;Lu;0;L;;;;;N;;;;0061;
0042;LATIN CAPITAL LETTER B;Lu;0;L;;;;;N;;;;0062;
0061;LATIN SMALL LETTER A;Ll;0;L;;;;;N;;;0041;;0041
0100;LATIN CAPITAL LETTER A WITH MACRON;Lu;0;L;0041 0304;;;;N;LATIN CAPITAL LETTER A MACRON;;;0101;
0102;LATIN CAPITAL LETTER A WITH BREVE;Lu;0;L;0041 0306;;;;N;LATIN CAPITAL LETTER A BREVE;;;0103;
0300;COMBINING GRAVE ACCENT;Mn;230;NSM;;;;;N;NON-SPACING GRAVE;;;;
3400;<CJK Ideograph Extension A, First>;Lo;0;L;;;;;N;;;;;
4DBF;<CJK Ideograph Extension A, Last>;Lo;0;L;;;;;N;;;;;
"""
UNICODE_JSON = {
    "unicode": "17.0.0",
    "letters": [[65, 66, 1], [97, 97, 1], [256, 258, 2], [13312, 19903, 1]],
    "marks": [[768, 768, 1]],
    "numbers": [[48, 48, 1]],
    "capitals": [[65, 66, 1], [256, 258, 2]],
    "digits": [[48, 48, 1]],
    "lowercase": [[65, 66, 1, 32], [256, 258, 2, 1]],
}


def run_tool(name: str, *arguments: str) -> tuple[int, str, str]:
    command = [sys.executable, str(ROOT / "tools" / name), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    return result.returncode, result.stdout, result.stderr


def test_the_generated_code_is_fresh() -> None:
    assert run_tool("generate_protobuf.py", "--check") == (0, "", "")


def test_the_data_of_unicode_agree_with_python() -> None:
    assert run_tool("generate_unicode.py", "--check") == (0, "", "")


def test_another_source_of_unicode_is_noticed(tmp_path: Path) -> None:
    source = tmp_path / "UnicodeData.txt"
    source.write_text(UNICODE_DATA)
    fault = f"schemas/records/unicode.json: it is not what {source} gives\n"
    assert run_tool("generate_unicode.py", "--check", str(source)) == (1, "", fault)


def test_what_a_source_of_unicode_gives() -> None:
    assert json.loads(generate_unicode.generated(UNICODE_DATA)) == UNICODE_JSON


def test_other_data_than_those_of_python_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate_unicode, "ROOT", tmp_path)
    monkeypatch.setattr(generate_unicode, "DATA", tmp_path / "unicode.json")
    data = json.loads((ROOT / "schemas" / "records" / "unicode.json").read_text())
    data["digits"][0][1] -= 1
    data["lowercase"][0][0] += 1
    generate_unicode.DATA.write_text(json.dumps(data))
    assert generate_unicode.check_with_python() == 1
    assert capsys.readouterr().err.splitlines() == [
        "unicode.json: digits: Python's tables differ at U+0039",
        "unicode.json: lowercase: Python's tables differ at U+0041",
    ]
