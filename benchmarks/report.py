"""Markdown for the results: tables, and marked sections of the README that a run replaces."""

from collections.abc import Sequence
from pathlib import Path

README = Path(__file__).with_name("README.md")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table; all columns but the first and the last are numbers, set to the right."""
    rule = ["---", *["---:"] * (len(header) - 2), "---"]
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, rule, *cells])


def write_section(name: str, text: str, path: Path = README) -> None:
    """Replaces the marked section of a file; appends it where the file has none of that name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    section = f"{begin}\n{text.strip()}\n{end}"
    old = path.read_text(encoding="utf-8")
    before, found, rest = old.partition(begin)
    new = before + section + rest.partition(end)[2] if found else f"{old.rstrip()}\n\n{section}\n"
    path.write_text(new, encoding="utf-8")
