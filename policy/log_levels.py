"""Which lines of which actor are written: levels by actor's name, read from one setting. Knows no logger."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

#: Levels by name, as loguru numbers them.
LEVELS: dict[str, int] = {
    "TRACE": 5,
    "DEBUG": 10,
    "INFO": 20,
    "SUCCESS": 25,
    "WARNING": 30,
    "ERROR": 40,
    "CRITICAL": 50,
}

_PAIR = re.compile(r"([A-Za-z_][\w.-]{0,199}\*?|\*)=([A-Za-z]+)", re.ASCII)


def read_levels(text: str) -> dict[str, int]:
    """`score_lead=WARNING,ingest_*=DEBUG` as numbers by name; a name may end in `*`.

    Raises ValueError for what is no such list, and for a name that stands in it twice.
    """
    levels: dict[str, int] = {}
    for pair in text.split(","):
        found = _PAIR.fullmatch(pair.strip())
        if found is None or found[2].upper() not in LEVELS or found[1] in levels:
            raise ValueError(f"not actor=LEVEL: {pair!r:.80}")
        levels[found[1]] = LEVELS[found[2].upper()]
    return levels


@dataclass(slots=True)
class ActorLevels:
    """The least level of each actor's lines; the longest name that fits decides, `general` where none does."""

    general: int
    by_name: Mapping[str, int]
    _known: dict[str, int] = field(default_factory=dict)

    @property
    def lowest(self) -> int:
        """The lowest level that anything is written at."""
        return min([self.general, *self.by_name.values()])

    def of(self, actor: object) -> int:
        """The least level for a line of `actor`; anything but a text belongs to none."""
        if not isinstance(actor, str):
            return self.general
        level = self._known.get(actor)
        if level is None:
            level = self._found(actor)
            if len(self._known) < 10_000:  # names come with foreign messages, too
                self._known[actor] = level
        return level

    def _found(self, actor: str) -> int:
        if actor in self.by_name:
            return self.by_name[actor]
        fits = [name for name in self.by_name if name.endswith("*") and actor.startswith(name[:-1])]
        return self.by_name[max(fits, key=len)] if fits else self.general
