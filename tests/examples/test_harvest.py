"""The harvest of functions, over small libraries made for the purpose."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from schemas.spec import load_spec

FOLDER = Path(__file__).parents[2] / "examples" / "python_functions"
SCRIPT = FOLDER / "harvest.py"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("harvest", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


harvest = _load()

ALPHA = '''"""A package."""
import sys

@cache
@other(1,
       2)
def top(x):
    def inner():
        return x
    return inner

class Outer:
    @property
    def size(self):
        return 1

    @size.setter
    def size(self, value): pass

    class Inner:
        async def run(self):
            return """
not indented
"""

if sys.platform == "win32":
    def path(): return "a"
else:
    def path(): return "b"

square = lambda x: x * x
'''


def _library(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))
    return root


def _functions(name: str, count: int) -> str:
    return "".join(f"def f{index}(): return {name!r}, {index}\n" for index in range(count))


def _run(library: Path, output: Path, *options: str) -> list[dict[str, str]]:
    assert harvest.main([str(output), "--library", str(library), *options]) == 0
    return [json.loads(line) for line in (output / "functions.jsonl").read_bytes().decode("utf-8").splitlines()]


def test_exact_records_of_functions_methods_and_branches(tmp_path: Path) -> None:
    library = _library(tmp_path / "lib", {"alpha/__init__.py": ALPHA})
    assert _run(library, tmp_path / "out") == [
        {
            "id": "alpha:top",
            "source": "@cache\n@other(1,\n       2)\ndef top(x):\n    def inner():\n        return x\n    return inner",
            "package": "alpha",
        },
        {"id": "alpha:Outer.size@13", "source": "@property\ndef size(self):\n    return 1", "package": "alpha"},
        {"id": "alpha:Outer.size@17", "source": "@size.setter\ndef size(self, value): pass", "package": "alpha"},
        {
            "id": "alpha:Outer.Inner.run",
            "source": '        async def run(self):\n            return """\nnot indented\n"""',
            "package": "alpha",
        },
        {"id": "alpha:path@27", "source": 'def path(): return "a"', "package": "alpha"},
        {"id": "alpha:path@29", "source": 'def path(): return "b"', "package": "alpha"},
    ]


def test_modules_are_named_and_ordered_by_package_then_name(tmp_path: Path) -> None:
    library = _library(
        tmp_path / "lib",
        {
            "beta/sub/deep.py": "def c(): pass\n",
            "beta/sub/__init__.py": "def b(): pass\n",
            "beta/zed.py": "def z(): pass\n",
            "beta/sub.py": "def hidden_by_the_package(): pass\n",
            "beta/__init__.py": "",
            "alpha/__init__.py": "def a(): pass\n",
        },
    )
    ids = [record["id"] for record in _run(library, tmp_path / "out")]
    assert ids == ["alpha:a", "beta.zed:z", "beta.sub:b", "beta.sub.deep:c"]


def test_what_is_no_package_or_a_test_suite_is_left_out(tmp_path: Path) -> None:
    library = _library(
        tmp_path / "lib",
        {
            "alpha/__init__.py": "def a(): pass\n",
            "alpha/test/__init__.py": "def in_test(): pass\n",
            "alpha/tests/__init__.py": "def in_tests(): pass\n",
            "alpha/idle_test/__init__.py": "def in_idle_test(): pass\n",
            "alpha/no_package/file.py": "def without_init(): pass\n",
            "test/__init__.py": "def suite(): pass\n",
            "site-packages/__init__.py": "def foreign(): pass\n",
            "site-packages/other/__init__.py": "def foreign(): pass\n",
            "single.py": "def single_module(): pass\n",
        },
    )
    assert [record["id"] for record in _run(library, tmp_path / "out")] == ["alpha:a"]


def test_broken_files_are_skipped_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    library = _library(
        tmp_path / "lib",
        {
            "alpha/__init__.py": "def a(): pass\n",
            "alpha/cookie.py": "# coding: no-such-codec\ndef b(): pass\n",
            "alpha/null.py": "def c(): pass\n\0",
            "alpha/python2.py": "print 'x'\ndef d(): pass\n",
        },
    )
    (library / "alpha/latin.py").write_bytes(b"# \xe9\ndef e(): pass\n")
    assert [record["id"] for record in _run(library, tmp_path / "out")] == ["alpha:a"]
    assert capsys.readouterr().err == (
        "5 files, 1 functions, 1 different ones; kept the 1 of the 1 largest packages\n"
        "packages: alpha 1\n"
        "tokens: 6; of a function: 0 % 6, 10 % 6, 50 % 6, 90 % 6, 99 % 6, 100 % 6\n"
        "skipped, not readable as Python of this version: "
        "alpha/cookie.py, alpha/latin.py, alpha/null.py, alpha/python2.py\n"
    )


def test_a_text_is_kept_once(tmp_path: Path) -> None:
    files = {"alpha/__init__.py": "def a(): pass\n", "beta/__init__.py": "def a(): pass\ndef b(): pass\n"}
    library = _library(tmp_path / "lib", files)
    assert [record["id"] for record in _run(library, tmp_path / "out")] == ["alpha:a", "beta:b"]


def test_lines_are_counted_as_the_parser_counts_them(tmp_path: Path) -> None:
    text = "x = '\u2028'\r\n\f\r\ndef a():\r\n    return '\x1c\f'\r\n"
    library = _library(tmp_path / "lib", {"alpha/__init__.py": text})
    (record,) = _run(library, tmp_path / "out")
    assert record["source"] == "def a():\n    return '\x1c\f'"


def test_declared_encodings_are_honoured(tmp_path: Path) -> None:
    library = _library(tmp_path / "lib", {"alpha/__init__.py": ""})
    (library / "alpha/latin.py").write_bytes(b"# coding: latin-1\ndef a(): return '\xe9'\n")
    (record,) = _run(library, tmp_path / "out")
    assert record["source"] == "def a(): return 'é'"


def test_the_largest_packages_are_kept_and_ties_go_by_name(tmp_path: Path) -> None:
    sizes = {"delta": 2, "gamma": 3, "beta": 2, "alpha": 1}
    library = _library(
        tmp_path / "lib", {f"{name}/__init__.py": _functions(name, size) for name, size in sizes.items()}
    )
    kept = _run(library, tmp_path / "out", "--packages", "2")
    assert [record["id"] for record in kept] == ["beta:f0", "beta:f1", "gamma:f0", "gamma:f1", "gamma:f2"]


def test_a_number_of_packages_below_one_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        harvest.main([str(tmp_path), "--packages", "0"])
    assert "'0' is no number of packages; it must be 1 or more" in capsys.readouterr().err


def test_a_library_without_sources_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "python311.zip"
    assert harvest.main([str(tmp_path / "out"), "--library", str(missing)]) == 1
    assert capsys.readouterr().err == (
        f"harvest: {missing}: holds no package with Python sources (a zipped or compiled library has none); "
        "use a Python that has its sources, or name a folder of packages with --library\n"
    )
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    library = _library(tmp_path / "lib", {"alpha/__init__.py": "def a(): pass\n"})
    (tmp_path / "out").write_text("")
    assert harvest.main([str(tmp_path / "out"), "--library", str(library)]) == 1
    assert capsys.readouterr().err == (
        f"harvest: {tmp_path / 'out'}: cannot be written: File exists; name a folder that can\n"
    )


def test_this_pythons_library_gives_unique_ids_and_the_same_bytes_twice(tmp_path: Path) -> None:
    for name, seed in (("first", "1"), ("second", "2")):
        command = [sys.executable, str(SCRIPT), str(tmp_path / name)]
        done = subprocess.run(command, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
    first = (tmp_path / "first/functions.jsonl").read_bytes()
    assert first == (tmp_path / "second/functions.jsonl").read_bytes()
    records = [json.loads(line) for line in first.decode("utf-8").splitlines()]
    assert len({record["id"] for record in records}) == len(records) > 1_000
    assert len({record["package"] for record in records}) == 10


def test_the_spec_and_the_snippet_belong_to_the_records() -> None:
    spec = load_spec(FOLDER / "spec.yaml")
    assert spec.name == "python_functions"
    assert dict(spec.split.fractions) == {"train": 0.8, "validation": 0.1, "test": 0.1}
    lines = (FOLDER / "snippet.jsonl").read_text(encoding="utf-8").splitlines()
    assert [set(json.loads(line)) for line in lines] == [set(spec.sequences)]
