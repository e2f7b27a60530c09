"""What must be the same when the servers of a home start again: their ports, passwords and outside folder."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from servers import ports
from servers.errors import HomeUnusable
from servers.home import Home, write_private

FILE_NAME = "kept.json"
#: Bytes of randomness in a generated password.
PASSWORD_BYTES = 24


@dataclass(slots=True)
class Kept:
    """Ports and passwords by server name; `outside` is PostgreSQL's folder outside the home, if it has one."""

    ports: dict[str, int] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    outside: str | None = None

    def port(self, name: str) -> int:
        """The port `name` had before if it is free now, else another, which is remembered."""
        before = self.ports.pop(name, None)
        if before is None or not ports.is_free(before):
            return self.new_port(name)
        self.ports[name] = before
        return before

    def new_port(self, name: str) -> int:
        """A port that `name` did not have before and nobody else has."""
        self.ports[name] = ports.choose_free(taken=set(self.ports.values()))
        return self.ports[name]

    def password(self, name: str) -> str:
        """The generated password of `name`; letters, digits, - and _ only: a URL needs no quoting."""
        return self.passwords.setdefault(name, secrets.token_urlsafe(PASSWORD_BYTES))


def load(home: Home) -> Kept:
    """What was kept, empty at the first start. Raises HomeUnusable when the file cannot be understood."""
    path = _path(home)
    try:
        return Kept(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Kept()
    except (OSError, ValueError, TypeError) as error:
        raise HomeUnusable(f"{path} cannot be read ({error}): restore it or remove {home.root}") from error


def save(home: Home, kept: Kept) -> None:
    """Write it down, readable by its owner only."""
    write_private(_path(home), json.dumps(asdict(kept), indent=2) + "\n")


def _path(home: Home) -> Path:
    return home.root / FILE_NAME
