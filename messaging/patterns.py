"""Regular expressions, compiled when they are first used: the two hundred of this package take a fifth of a second.

A worker that sends nothing never needs them, and none needs all. It must not know what a pattern is for.
"""

from __future__ import annotations

import re
from typing import Any, cast


def regex(text: str, flags: int = 0) -> re.Pattern[str]:
    """`re.compile(text, flags)`, done when the first of its methods is asked for. A bad `text` raises re.error then."""
    return cast("re.Pattern[str]", _Pattern(text, flags))


class _Pattern:
    """Becomes the compiled pattern's methods one by one: what was asked for once is found without this class."""

    def __init__(self, text: str, flags: int) -> None:
        self._wanted = (text, flags)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # copying and pickling look for hooks before there is anything to ask
            raise AttributeError(name)
        found = self.__dict__[name] = getattr(re.compile(*self._wanted), name)
        return found
