"""Rules that hold across the packages: who may import whom, and how long things may be."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("schemas", "pipeline", "trainer", "tools", "tests", "benchmarks", "examples")
FORBIDDEN = {
    "schemas": {"apache_beam", "tensorflow", "keras", "pipeline", "trainer"},
    "pipeline": {"tensorflow", "keras", "trainer"},
    "trainer": {"apache_beam", "pipeline"},
}
# The only module of the pipeline that may import TensorFlow: within a function, which runs where a model is loaded.
ASKS_A_MODEL = "pipeline/scoring/handler.py"
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 60

# Imports every module of a package, then prints which of some modules are loaded.
IMPORT_ALL = """
import importlib, pkgutil, sys

package = importlib.import_module(sys.argv[1])
count = 0
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
    count += 1
print(count, *(name for name in sys.argv[2:] if name in sys.modules))
"""


def sources(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if not path.name.endswith("_pb2.py"))


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yields the line and the top-level package of every import, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module.split(".")[0]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_package_imports_what_it_must_not(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in sources(package)
        for line, name in imported(ast.parse(path.read_text()))
        if name in FORBIDDEN[package] and (str(path.relative_to(ROOT)), name) != (ASKS_A_MODEL, "tensorflow")
    ]
    assert sources(package)
    assert found == []


def test_formats_know_nothing_of_what_is_made_of_raw_records() -> None:
    found = [path.name for path in sources("schemas/formats") if "schemas.records" in path.read_text()]
    assert sources("schemas/formats")
    assert found == []


@pytest.mark.parametrize(
    ("package", "absent"),
    [("schemas", ["apache_beam", "tensorflow", "keras"]), ("pipeline", ["tensorflow", "keras"])],
)
def test_importing_a_package_loads_nothing_heavy(package: str, absent: list[str]) -> None:
    command = [sys.executable, "-c", IMPORT_ALL, package, *absent]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    count, *loaded = result.stdout.split()
    assert int(count) > 0
    assert loaded == []


def test_the_pipeline_imports_tensorflow_in_one_function() -> None:
    tree = ast.parse((ROOT / ASKS_A_MODEL).read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    within = [node.name for node in functions if any(name == "tensorflow" for _, name in imported(node))]
    assert within == ["_load_signature"]
    assert [name for _, name in imported(tree)].count("tensorflow") == 1


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_file_is_too_long(folder: str) -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources(folder)}
    assert {path: length for path, length in lengths.items() if length > MOST_LINES_OF_A_FILE} == {}


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_function_is_too_long(folder: str) -> None:
    too_long = []
    for path in sources(folder):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > MOST_LINES_OF_A_FUNCTION:
                    too_long.append(f"{path.relative_to(ROOT)}: {node.name}: {length} lines")
    assert too_long == []


def test_every_package_is_installed() -> None:
    """An editable installation, which tests run on, has them all anyway."""
    stated = ast.literal_eval(re.search(r"packages=(\[.*?\])", (ROOT / "setup.py").read_text(), re.DOTALL)[1])  # type: ignore[index]
    there = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for package in FORBIDDEN
        for path in (ROOT / package).rglob("__init__.py")
    }
    assert set(stated) == there
