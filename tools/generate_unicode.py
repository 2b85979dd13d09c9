"""Writes schemas/records/unicode.json from the UnicodeData.txt of one version of Unicode; --check only compares.

The source is https://www.unicode.org/Public/17.0.0/ucd/UnicodeData.txt, of which the general category and
Simple_Lowercase_Mapping are taken. Without that file --check compares with the tables of the Python that
runs it, over the code points that it knows.
"""

import argparse
import json
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "schemas" / "records" / "unicode.json"
VERSION = "17.0.0"
# What a set of code points is called in the file, and the general categories that it holds.
SETS = {
    "letters": ("Lu", "Ll", "Lt", "Lm", "Lo"),
    "marks": ("Mn", "Mc", "Me"),
    "numbers": ("Nd", "Nl", "No"),
    "capitals": ("Lu", "Lt"),
    "digits": ("Nd",),
}
Points = dict[int, str]


def main() -> int:
    """Returns 0, or 1 where --check finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", nargs="?", type=Path, help="the UnicodeData.txt of Unicode " + VERSION)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where there is a difference")
    arguments = parser.parse_args()
    if arguments.source is None:
        return check_with_python() if arguments.check else parser.error("it takes the path of UnicodeData.txt")
    text = generated(arguments.source.read_text(encoding="utf-8"))
    if not arguments.check:
        DATA.write_text(text, encoding="utf-8")
        return 0
    return report([] if text == DATA.read_text(encoding="utf-8") else [f"it is not what {arguments.source} gives"])


def check_with_python() -> int:
    """Compares the sets and the mapping with the tables of the running Python."""
    data = json.loads(DATA.read_text(encoding="utf-8"))
    categories = {point: unicodedata.category(chr(point)) for point in range(sys.maxunicode + 1)}
    # A Python that knows more code points than the file may have letters that the file must not have.
    older = version_of(unicodedata.unidata_version) <= version_of(data["unicode"])
    faults = []
    for name, wanted in SETS.items():
        found = set(points_of(data[name]))
        known = {point for point in found if categories[point] != "Cn"}
        theirs = {point for point, category in categories.items() if category in wanted}
        wrong = known - theirs | (theirs - known if older else set())
        faults += [f"{name}: Python's tables differ at U+{point:04X}" for point in sorted(wrong)]
    lower = {point: point + run[3] for run in data["lowercase"] for point in points_of([run])}
    for point, category in categories.items():
        # The only longer mapping, of U+0130, keeps its first code point in the simple one.
        simple = ord(chr(point).lower()[0])
        if category != "Cn" and lower.get(point, point) != simple and (older or point in lower):
            faults.append(f"lowercase: Python's tables differ at U+{point:04X}")
    return report(faults)


def report(faults: list[str]) -> int:
    """Prints the differences."""
    for fault in faults:
        print(f"{DATA.relative_to(ROOT)}: {fault}", file=sys.stderr)
    return 1 if faults else 0


def version_of(text: str) -> tuple[int, ...]:
    """Returns the numbers of a version."""
    return tuple(int(number) for number in text.split("."))


def generated(source: str) -> str:
    """Returns the file that the lines of UnicodeData.txt give: one run of code points in a line."""
    categories, lower = parsed(source)
    parts = [f'"unicode": "{VERSION}"']
    for name, wanted in SETS.items():
        points = [point for point, category in sorted(categories.items()) if category in wanted]
        parts.append(section(name, ([first, last, step] for first, last, step in runs(points))))
    by_distance: dict[int, list[int]] = {}
    for point, mapped in sorted(lower.items()):
        by_distance.setdefault(mapped - point, []).append(point)
    parts.append(section("lowercase", sorted([*run, d] for d, points in by_distance.items() for run in runs(points))))
    return "{\n" + ",\n".join(parts) + "\n}\n"


def section(name: str, rows: Iterable[list[int]]) -> str:
    """Returns one member of the file."""
    return f'"{name}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]"


def parsed(source: str) -> tuple[Points, dict[int, int]]:
    """Returns the general category of each code point, and the code points that have a simple lowercase mapping."""
    categories: Points = {}
    lower: dict[int, int] = {}
    first = 0
    for line in source.splitlines():
        fields = line.split(";")
        point = int(fields[0], 16)
        if fields[1].endswith(", First>"):
            first = point
        begin = first if fields[1].endswith(", Last>") else point
        categories.update(dict.fromkeys(range(begin, point + 1), fields[2]))
        if fields[13]:
            lower[point] = int(fields[13], 16)
    return categories, lower


def runs(points: list[int]) -> Iterator[tuple[int, int, int]]:
    """Yields first, last and step of the fewest runs of step 1 or 2 that a greedy reading of rising numbers gives."""
    i = 0
    while i < len(points):
        step = points[i + 1] - points[i] if i + 1 < len(points) else 1
        step = step if step in (1, 2) else 1
        j = i
        while j + 1 < len(points) and points[j + 1] - points[j] == step:
            j += 1
        yield points[i], points[j], step
        i = j + 1


def points_of(rows: Iterable[list[int]]) -> Iterator[int]:
    """Yields the code points of runs."""
    for first, last, step, *_ in rows:
        yield from range(first, last + 1, step)


if __name__ == "__main__":
    sys.exit(main())
