"""How `callboard` reads its command line: argparse, with errors of one line and no guessed options."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn, TypeAlias

from scripts.exits import ExitCode, one_line

#: What a command's `add_parser` is given. (The class is private to argparse; its stubs name it all the same.)
Subparsers: TypeAlias = "argparse._SubParsersAction[OneLineParser]"


class OneLineParser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line; sub-commands inherit the class.

    `intermixed`: an argument that may be left out may also stand behind options; not for a parser of sub-commands.
    """

    def __init__(self, *args: Any, intermixed: bool = False, **options: Any) -> None:
        # A shortened option that works today means something else once a longer one is added.
        options.setdefault("allow_abbrev", False)
        super().__init__(*args, **options)
        # The type of every argument that names none; those that do read text of their own or, paths, take any bytes.
        self.register("type", None, text_given)
        self._intermixed = intermixed

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As argparse has it, but for `intermixed`: sub-commands are parsed by this method, whatever was called."""
        if not self._intermixed:
            return super().parse_known_args(args, namespace)
        self._intermixed = False  # argparse's other way comes through here again, for each half
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._intermixed = True

    def add_subparsers(self, **options: Any) -> Subparsers:  # type: ignore[override]  # argparse's are overloads
        """As argparse has it; what follows the sub-command's name is the sub-command's to read."""
        commands: Subparsers = super().add_subparsers(**options)
        commands.type = str
        return commands

    def error(self, message: str) -> NoReturn:
        """Say what was wrong and where help is, on one line, and leave with USAGE."""
        self.exit(ExitCode.USAGE, f"{self.prog}: {one_line(message)} (see {self.prog} --help)\n")


def text_given(given: str) -> str:
    """Text that PostgreSQL and Redis take: bytes that are no UTF-8 are lone surrogates in Python. ArgumentTypeError."""
    try:
        given.encode()
    except UnicodeEncodeError as error:
        raise argparse.ArgumentTypeError(f"{given!r} is not UTF-8") from error
    return given
