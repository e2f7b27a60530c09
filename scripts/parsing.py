"""How `callboard` reads its command line: argparse, with errors of one line and no guessed options."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn, TypeAlias

from scripts.exits import ExitCode, one_line

#: What a command's `add_parser` is given. (The class is private to argparse; its stubs name it all the same.)
Subparsers: TypeAlias = "argparse._SubParsersAction[OneLineParser]"


class OneLineParser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line; sub-commands inherit the class."""

    def __init__(self, *args: Any, **options: Any) -> None:
        # A shortened option that works today means something else once a longer one is added.
        options.setdefault("allow_abbrev", False)
        super().__init__(*args, **options)

    def error(self, message: str) -> NoReturn:
        """Say what was wrong and where help is, on one line, and leave with USAGE."""
        self.exit(ExitCode.USAGE, f"{self.prog}: {one_line(message)} (see {self.prog} --help)\n")
