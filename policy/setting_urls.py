"""Which URLs a driver or client could use at all: hosts, ports and database numbers that are written as such.

Pure text: nothing is looked up, so a host that does not exist is none of its business. It must not know settings.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urlsplit

POSTGRES = ("postgresql", "postgres")
REDIS = ("redis", "rediss", "unix")

_PORTS = range(1, 65_536)
_DIGITS = re.compile(r"[0-9]{1,5}")
#: libpq refuses a URL with a percent sign that begins no code.
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
#: libpq takes several hosts, with a port each or none; an IPv6 address stands in brackets.
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^:\[\]@]*)(?::(?P<port>.*))?", re.DOTALL)


def is_usable(given: str, schemes: tuple[str, ...]) -> bool:
    """Whether `given` has one of the schemes and is whole."""
    scheme, mark, rest = given.partition("://")
    if not mark or scheme not in schemes:
        return False
    if schemes == POSTGRES:
        return _postgres_is_usable(rest)
    try:
        if schemes == REDIS:
            return _redis_is_usable(given)
        return given.isprintable() and bool(urlsplit(given).hostname) and _has_no_odd_port(given)
    except ValueError:  # brackets that do not close, a port that is no number or past 65535
        return False


def form_of(schemes: tuple[str, ...]) -> str:
    """What such a URL must have beside its scheme, in one phrase."""
    if schemes == POSTGRES:
        return "with a number for its port"
    return "with numbers for port and database" if schemes == REDIS else "and names a host"


def _postgres_is_usable(rest: str) -> bool:
    """What is left out (host, database) libpq takes from PGHOST and its like, so it may be."""
    where, _, options = rest.partition("?")
    authority, _, _ = where.partition("/")
    _, _, hosts = authority.rpartition("@") if authority.count("@") == 1 else ("", "", authority)
    ports = [*map(_port_of, hosts.split(",")), *_options(options).get("port", "").split(",")]
    return not _BARE_PERCENT.search(rest) and all(map(_is_port_or_none, ports))


def _port_of(host: str) -> str:
    """The port as it stands there, "" for none; what is no host at all has no port that could be right."""
    found = _HOST.fullmatch(host)
    return (found["port"] or "") if found else host


def _is_port_or_none(port: str) -> bool:
    return not port or (_DIGITS.fullmatch(port) is not None and int(port) in _PORTS)


def _redis_is_usable(given: str) -> bool:
    """redis-py takes database 0 for one that is no number, without a word."""
    parts = urlsplit(given)
    numbers = [_options(parts.query).get("db", "")]
    if parts.scheme != "unix":
        numbers.append(unquote(parts.path).strip("/"))
    return _has_no_odd_port(given) and all(not number or _DIGITS.fullmatch(number) for number in numbers)


def _has_no_odd_port(given: str) -> bool:
    """Raises ValueError for a port that is no number or past 65535."""
    return urlsplit(given).port != 0


def _options(query: str) -> dict[str, str]:
    return dict(parse_qsl(query, keep_blank_values=True))
