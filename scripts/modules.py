"""Modules with somebody's own actors, imported for a command that names them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from policy.errors import CallboardError, NotFound
from scripts.exits import ExitCode


class ModuleBroken(CallboardError):
    """A module with actors cannot be imported.

    Acts: the caller, by correcting it.
    """


def import_modules(modules: Sequence[str]) -> None:
    """Import each from this folder. Raises NotFound for one that is not there, ModuleBroken for one that fails."""
    sys.path.insert(0, "")
    for name in modules:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise NotFound(f"no module {error.name or name!r} that can be imported from this folder") from error
        except (Exception, SystemExit) as error:  # whatever somebody's module does while it is imported
            if isinstance(error, SystemExit) and error.code == ExitCode.TERMINATED:
                raise
            raise ModuleBroken(f"module {name} cannot be imported: {type(error).__name__}: {error}") from error
