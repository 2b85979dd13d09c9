"""Harvests the functions of Python's own standard library as labelled records of very unequal length.

    python examples/python_functions/harvest.py OUT_DIR

writes OUT_DIR/functions.jsonl, one JSON object per line: `id` ("json.decoder:JSONDecoder.decode"),
`source` (the text of the function, decorators included) and `package` ("json"), for the ten packages
with most functions. Needs nothing but Python: the sources come with it. The same Python version
gives the same file.
"""

import argparse
import ast
import json
import re
import sys
import sysconfig
import textwrap
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FILE_NAME = "functions.jsonl"
DEFAULT_PACKAGES = 10
QUANTILES = (0, 10, 50, 90, 99, 100)

# Suites of tests differ between distributions of Python: some leave them out, some do not.
_TEST_SUITES = {"test", "tests", "idle_test"}
# Close to the tokenizer "words" of the spec, for the summary only.
_TOKEN = re.compile(r"[\w]+(?:'[\w]+)*|[^\w\s]")


class HarvestError(Exception):
    """There is nothing to harvest, or no place to put it; one line for the user."""


class Function(NamedTuple):
    """One function or method.

    Attributes:
      name: Module and qualified name, "json.decoder:JSONDecoder.decode"; not unique.
      line: The line of the file on which its text begins, from 1.
      source: Its text, dedented as far as its least indented line allows.
      package: The top-level package that it belongs to.
    """

    name: str
    line: int
    source: str
    package: str


class Harvest(NamedTuple):
    """What was found in a library.

    Attributes:
      functions: Of all packages, ordered by module, then by line.
      files: How many files were read.
      unreadable: Files that cannot be read as Python of this version, relative to the library.
    """

    functions: list[Function]
    files: int
    unreadable: list[str]


def harvest(library: Path) -> Harvest:
    """Reads the functions of every package of a library; test suites are left out.

    Args:
      library: A folder of packages; single modules in it belong to no package.

    Raises:
      HarvestError: The folder holds no package with sources.
    """
    found = Harvest([], 0, [])
    for path, parts in _modules(library):
        found = found._replace(files=found.files + 1)
        try:
            found.functions.extend(read_functions(path, parts))
        except (OSError, SyntaxError, ValueError, RecursionError):
            found.unreadable.append(path.relative_to(library).as_posix())
    if not found.functions:
        raise HarvestError(
            f"{library}: holds no package with Python sources (a zipped or compiled library has none); "
            "use a Python that has its sources, or name a folder of packages with --library"
        )
    return found


def read_functions(path: Path, module: tuple[str, ...]) -> list[Function]:
    """Returns the functions and methods of one file; a function inside a function is part of it.

    Args:
      path: A Python source file in any encoding that it declares.
      module: The parts of the module's name.

    Raises:
      SyntaxError: The file is no Python of this version.
      ValueError: It does not decode, or holds a NUL.
    """
    with tokenize.open(path) as file:
        text = file.read()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about old escapes in string literals
        tree = ast.parse(text)
    lines = text.split("\n")  # as ast counts them; splitlines() also cuts at form feeds
    functions = []
    for name, node in _definitions(tree, ""):
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        source = textwrap.dedent("\n".join(lines[first - 1 : node.end_lineno]))
        functions.append(Function(f"{'.'.join(module)}:{name}", first, source, module[0]))
    return functions


def distinct(functions: list[Function]) -> list[Function]:
    """Returns the first function of each text: a text in two splits would be a test already seen."""
    first: dict[str, Function] = {}
    for function in functions:
        first.setdefault(function.source, function)
    return list(first.values())


def largest_packages(functions: list[Function], count: int) -> list[str]:
    """Returns the packages with most functions, sorted by name; ties go to the name that sorts first."""
    sizes = Counter(function.package for function in functions)
    return sorted(sorted(sizes, key=lambda package: (-sizes[package], package))[:count])


def records(functions: list[Function]) -> Iterator[dict[str, str]]:
    """Yields one record a function; those that share a name have their line in the id."""
    shared = Counter(function.name for function in functions)
    for function in functions:
        suffix = f"@{function.line}" if shared[function.name] > 1 else ""
        yield {"id": function.name + suffix, "source": function.source, "package": function.package}


def summary(found: Harvest, kept: list[Function]) -> str:
    """Returns what a person wants to know of a harvest: files, functions, lengths in tokens."""
    lengths = sorted(len(_TOKEN.findall(function.source)) for function in kept)
    quantiles = ", ".join(f"{percent} % {lengths[(len(lengths) - 1) * percent // 100]:,}" for percent in QUANTILES)
    sizes = Counter(function.package for function in kept).most_common()
    different = len(distinct(found.functions))
    lines = [
        f"{found.files:,} files, {len(found.functions):,} functions, {different:,} different ones; "
        f"kept the {len(kept):,} of the {len(sizes)} largest packages",
        "packages: " + ", ".join(f"{package} {size:,}" for package, size in sizes),
        f"tokens: {sum(lengths):,}; of a function: {quantiles}",
    ]
    if found.unreadable:
        lines.append(f"skipped, not readable as Python of this version: {', '.join(found.unreadable)}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Harvest the functions of Python's standard library.")
    parser.add_argument("output", type=Path, metavar="OUT_DIR", help=f"folder for {FILE_NAME}")
    parser.add_argument("--library", type=Path, help="folder of packages; default: this Python's standard library")
    parser.add_argument(
        "--packages",
        type=_positive,
        default=DEFAULT_PACKAGES,
        metavar="N",
        help=f"keep the N largest (default {DEFAULT_PACKAGES})",
    )
    options = parser.parse_args(arguments)
    try:
        found = harvest(options.library or Path(sysconfig.get_path("stdlib")))
        functions = distinct(found.functions)
        packages = largest_packages(functions, options.packages)
        kept = [function for function in functions if function.package in packages]
        _write(options.output, kept)
    except HarvestError as error:
        print(f"harvest: {error}", file=sys.stderr)
        return 1
    print(summary(found, kept), file=sys.stderr)
    return 0


def _modules(library: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yields the files of every package with the parts of their module names, sorted by name."""
    for folder in _packages(library):
        yield from _modules_of(folder, (folder.name,))


def _modules_of(package: Path, parts: tuple[str, ...]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    yield package / "__init__.py", parts
    subpackages = _packages(package)
    names = {folder.name for folder in subpackages} | {"__init__"}
    for path in sorted(package.glob("*.py"), key=lambda path: path.name):
        if path.stem not in names:  # a package hides the module of the same name
            yield path, (*parts, path.stem)
    for folder in subpackages:
        yield from _modules_of(folder, (*parts, folder.name))


def _packages(folder: Path) -> list[Path]:
    found = (path.parent for path in folder.glob("*/__init__.py"))
    return sorted(path for path in found if path.name.isidentifier() and path.name not in _TEST_SUITES)


def _definitions(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yields what is defined in a module or class, also under `if`, `try` and the like."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + child.name, child
        elif isinstance(child, ast.ClassDef):
            yield from _definitions(child, f"{prefix}{child.name}.")
        elif not isinstance(child, ast.expr):
            yield from _definitions(child, prefix)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of packages; it must be 1 or more")
    return int(text)


def _write(folder: Path, functions: list[Function]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / FILE_NAME).open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records(functions))
    except OSError as error:
        raise HarvestError(f"{folder}: cannot be written: {error.strerror}; name a folder that can") from None


if __name__ == "__main__":
    sys.exit(main())
