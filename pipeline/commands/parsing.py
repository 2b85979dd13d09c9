"""The parser of command lines, made of what the modules of commands declare."""

import argparse
from collections.abc import Iterable
from typing import Any, NoReturn

from pipeline.logs import JSON, OPTION, TEXT
from schemas.errors import UsageError


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the whole usage before it."""

    def error(self, message: str) -> NoReturn:
        """Raises a UsageError in place of ending the program."""
        raise UsageError(f"{self.prog}: {message}; see {self.prog} --help")


def parser_of(modules: Iterable[Any]) -> Parser:
    """Returns a parser of command lines.

    Args:
      modules: Of `pipeline.commands`, one for each command that it knows.
    """
    parser = Parser(prog="python -m pipeline", description="Raw records → bucketed TFRecords with a manifest.")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=Parser, metavar="COMMAND")
    for module in modules:
        module.add(commands)
    for one in commands.choices.values():
        one.add_argument(
            OPTION,
            choices=(TEXT, JSON),
            default=TEXT,
            help="of standard error: lines for people (the default), or one JSON object a line",
        )
    return parser
