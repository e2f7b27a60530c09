"""The kinds of settings: what a text must look like, the range it is clamped to, how it is shown.

Knows no single setting; `policy.settings` has the table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from policy.errors import SettingInvalid
from policy.log_levels import read_levels
from policy.setting_urls import form_of, is_usable

Value: TypeAlias = str | int | float | bool | None

PREFIX = "CALLBOARD_"

#: What is shown in place of a secret.
MASK = "***"

_ON, _OFF = frozenset({"1", "on", "true", "yes"}), frozenset({"0", "off", "false", "no"})

#: Not `int()` and `float()` alone: those take "1_000", "nan" and digits of every script. A number of more than a
#: hundred digits is no slip of the finger but another thing than a number (and `int()` itself ends at 4,300).
_WHOLE = re.compile(r"[+-]?[0-9]{1,100}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,100}(?:\.[0-9]{0,100})?|\.[0-9]{1,100})")

#: From the first colon after `//` (or without a scheme, at all) to the last `@`: a password may hold "@",
#: "/" and "?", and then no parser of URLs finds its end.
_URL_PASSWORD = re.compile(r"^([^:/@]*://[^:@/?#]*|[^:@/?#]*(?!://)):.*(?=@)", re.DOTALL)
#: Secrets travel as HTTP headers: a client refuses a header with one of these, and its error may quote it.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_QUERY_SECRET = re.compile(r"(?i)((?:password|passwd|pwd|secret|token|api_?key)=)[^&#]*")


class Kind(Enum):
    """What sort of value a setting takes."""

    TEXT = "a text"
    SECRET = "a text on one line, without control characters"
    URL = "a URL"
    WORD = "one of some words"
    WHOLE = "a whole number"
    NUMBER = "a number"
    FLAG = "on or off"
    LEVELS = "actor=LEVEL, several with commas; an actor may end in *"


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the table. `low` and `high` bound numbers; `choices` are words, or the schemes of a URL."""

    name: str
    attribute: str
    kind: Kind
    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def secret(self) -> bool:
        """Whether it is never shown."""
        return self.kind is Kind.SECRET

    @property
    def allowed(self) -> str:
        """What the setting takes, in one phrase."""
        if self.kind is Kind.WORD:
            return " or ".join(self.choices)
        if self.kind is Kind.URL:
            begins = " or ".join(f"{scheme}://" for scheme in self.choices)
            return f"a URL that begins with {begins} {form_of(self.choices)}"
        if self.low is None or self.high is None:
            return str(self.kind.value)
        return f"{self.kind.value} from {self.low:.15g} to {self.high:.15g}{self.unit and f' {self.unit}'}"


def text(name: str, attribute: str, meaning: str) -> Setting:
    """A setting that takes any text."""
    return Setting(PREFIX + name, attribute, Kind.TEXT, meaning)


def secret(name: str, attribute: str, meaning: str) -> Setting:
    """A setting that takes what a header may carry, and is never shown."""
    return Setting(PREFIX + name, attribute, Kind.SECRET, meaning)


def url(name: str, attribute: str, schemes: tuple[str, ...], meaning: str) -> Setting:
    """A setting that takes a URL; a password in it is masked when shown."""
    return Setting(PREFIX + name, attribute, Kind.URL, meaning, choices=schemes)


def word(name: str, attribute: str, choices: tuple[str, ...], meaning: str) -> Setting:
    """A setting that takes one of some words, in whatever case."""
    return Setting(PREFIX + name, attribute, Kind.WORD, meaning, choices=choices)


def flag(name: str, attribute: str, meaning: str) -> Setting:
    """A setting that is on or off."""
    return Setting(PREFIX + name, attribute, Kind.FLAG, meaning)


def levels(name: str, attribute: str, meaning: str) -> Setting:
    """A setting that takes a log level for each of some actors."""
    return Setting(PREFIX + name, attribute, Kind.LEVELS, meaning)


def whole(name: str, attribute: str, unit: str, low: int, high: int, meaning: str) -> Setting:
    """A setting that takes a whole number, clamped to its range."""
    return Setting(PREFIX + name, attribute, Kind.WHOLE, meaning, unit, low, high)


def number(name: str, attribute: str, unit: str, low: float, high: float, meaning: str) -> Setting:
    """A setting that takes a decimal number, clamped to its range."""
    return Setting(PREFIX + name, attribute, Kind.NUMBER, meaning, unit, low, high)


def read_value(setting: Setting, given: str) -> tuple[Value, str | None]:
    """The value of `given`, and a warning if it was clamped. SettingInvalid if it is not of its kind."""
    value = _parsed(setting, given)
    if value is None:
        raise SettingInvalid(setting.name, shown(setting, given), setting.allowed)
    if setting.low is None or setting.high is None or not isinstance(value, (int, float)):
        return value, None
    clamped = type(value)(min(max(value, setting.low), setting.high))
    if clamped == value:
        return value, None
    return clamped, f"{setting.name}={given} is out of range ({setting.allowed}): {clamped:.15g} is used"


def shown(setting: Setting, value: Value) -> str:
    """`value` fit to be shown: secrets and passwords masked, "" for unset, on or off for a flag."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if setting.secret:
        return MASK
    if setting.kind is Kind.URL:
        return mask_url(str(value))
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def mask_url(given: str) -> str:
    """`given` without the password before its `@` and without secrets in its query."""
    return _QUERY_SECRET.sub(rf"\1{MASK}", _URL_PASSWORD.sub(rf"\1:{MASK}", given))


def _parsed(setting: Setting, given: str) -> Value:
    if setting.kind is Kind.FLAG:
        return {**dict.fromkeys(_ON, True), **dict.fromkeys(_OFF, False)}.get(given.lower())
    if setting.kind is Kind.WHOLE:
        return int(given) if _WHOLE.fullmatch(given) else None
    if setting.kind is Kind.NUMBER:
        return float(given) if _NUMBER.fullmatch(given) else None
    if setting.kind is Kind.WORD:
        return {choice.lower(): choice for choice in setting.choices}.get(given.lower())
    if setting.kind is Kind.LEVELS:
        return _levels(given)
    if setting.kind is Kind.SECRET:
        return None if _CONTROL.search(given) else given
    if setting.kind is Kind.URL:
        return given if is_usable(given, setting.choices) else None
    return given


def _levels(given: str) -> str | None:
    try:
        read_levels(given)
    except ValueError:
        return None
    return given
