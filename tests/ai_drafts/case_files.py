"""Reads the suite's case files (docs/ai-drafts.md): YAML in plain words, every one of them checked.

It must not know how a case is judged. A file that cannot be understood is an error that names file, case and word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import yaml

CASES: Final = Path(__file__).parent / "cases"

#: Where a file says nothing else.
ZONE: Final = ZoneInfo("America/New_York")
SENT: Final = "2026-03-02 09:00"
PRICES: Final = ("$49 per van and month", "$39 per van and month, billed yearly")


class CaseUnreadable(Exception):
    """A case file holds what the suite does not understand."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What must hold of the reply. `refused_for` names what the guards must object to, nothing unless said."""

    says: tuple[str, ...] = ()
    does_not_say: tuple[str, ...] = ()
    asks: bool | None = None
    longest: int | None = None
    parts: int | None = None
    refused_for: tuple[str, ...] = ()
    written: int | None = None
    read_as: str | None = None
    opt_out: bool | None = None


@dataclass(frozen=True, slots=True)
class DraftCase:
    """One case. Without `reply` and `model_answers` the drafter in force writes; `reply` is judged as it stands."""

    file: str
    name: str
    lead_writes: str
    expected: Expected
    reply: str | None = None
    model_answers: tuple[str, ...] = ()
    subject: str = "Routes for your vans"
    lead: str = "Ada Quist"
    channel: str = "email"
    sent: datetime = field(default=datetime(2026, 3, 2, 14, tzinfo=timezone.utc))
    offered_times: tuple[datetime, ...] = ()
    links: tuple[str, ...] = ()
    prices: tuple[str, ...] = PRICES
    signature: str = "Juno Marsh\nBrindlemere Routing"

    @property
    def title(self) -> str:
        return f"{self.file}: {self.name}"


_EXPECTED: Final = {one.name.replace("_", " ") for one in fields(Expected)}
_GIVEN: Final = {one.name.replace("_", " ") for one in fields(DraftCase)} - {"file", "expected"}
_LISTS: Final = {"says", "does not say", "refused for", "model answers", "links", "prices"}
_NUMBERS: Final = {"longest", "parts", "written"}
_TRUTHS: Final = {"asks", "opt out"}


def all_cases(folder: Path = CASES) -> list[DraftCase]:
    """Every case of every file, in order. Raises CaseUnreadable."""
    cases = [case for path in sorted(folder.glob("*.yaml")) for case in read_file(path)]
    titles = [case.title for case in cases]
    twice = next((title for title in titles if titles.count(title) > 1), None)
    if twice is not None:
        raise CaseUnreadable(f"{twice}: there are two cases of this name")
    return cases


def read_file(path: Path) -> Iterator[DraftCase]:
    """The cases of one file. Raises CaseUnreadable."""
    try:
        # All values as text: otherwise `no`, `10:30` and `2026-03-02` would be what YAML thinks they are.
        table = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise CaseUnreadable(f"{path.name}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(table, dict) or not isinstance(table.get("cases"), list) or not table.get("about"):
        raise CaseUnreadable(f"{path.name}: a file has `about`, a sentence, and `cases`, a list")
    for entry in table["cases"]:
        yield read_case(path.stem, entry)


def read_case(file: str, entry: Any) -> DraftCase:
    """One case from its words. Raises CaseUnreadable."""
    if not isinstance(entry, dict) or not entry.get("name"):
        raise CaseUnreadable(f"{file}: a case without a name")
    where = f"{file}: {entry['name']}"
    unknown = set(entry) - _EXPECTED - _GIVEN
    if unknown:
        known = ", ".join(sorted(_EXPECTED | _GIVEN))
        raise CaseUnreadable(f"{where}: nobody knows {sorted(unknown)[0]!r}; the words are {known}")
    if "lead writes" not in entry:
        raise CaseUnreadable(f"{where}: what the lead writes is missing")
    values = {word.replace(" ", "_"): _value(where, word, given) for word, given in entry.items()}
    expected = {name: values.pop(name) for name in list(values) if name.replace("_", " ") in _EXPECTED}
    return DraftCase(file=file, expected=Expected(**expected), **values)


def _value(where: str, word: str, given: Any) -> Any:
    if word in _LISTS:
        return tuple(given) if isinstance(given, list) else (given,) if given else ()
    if word == "offered times":
        return tuple(_time(where, each) for each in ([given] if isinstance(given, str) else given))
    if isinstance(given, (list, Mapping)):
        raise CaseUnreadable(f"{where}: {word!r} is one text")
    if word == "sent":
        return _time(where, given)
    if word in _NUMBERS:
        if not given.isdecimal():
            raise CaseUnreadable(f"{where}: {word!r} is a number, not {given!r}")
        return int(given)
    if word in _TRUTHS:
        if given not in {"yes", "no"}:
            raise CaseUnreadable(f"{where}: {word!r} is yes or no, not {given!r}")
        return given == "yes"
    return given


def _time(where: str, given: str) -> datetime:
    try:
        return datetime.strptime(given, "%Y-%m-%d %H:%M").replace(tzinfo=ZONE)
    except ValueError as error:
        raise CaseUnreadable(f"{where}: a time is written 2026-03-02 09:00, not {given!r}") from error
