"""Nothing leaves this process while it is sealed: no connection but to allowed places, no look-up, no program.

Python's audit events are the wall: they are raised below every library, in every thread. The database's driver
connects in C and is not seen; its connections only read (`models.database.only_reading`). It must not know what runs.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from policy.errors import CallboardError

#: Ports of a URL that names none.
_PORTS = {"http": 80, "https": 443}
_SENDS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_LOOKUPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})
_PROGRAMS = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty"}
)


class Sealed(CallboardError, ConnectionRefusedError):
    """The replay lets nothing out, and this was on its way.

    To libraries it is a refused connection: they clean up after themselves as they do after any.
    Acts: whoever wrote the code that wanted out; nothing was sent.
    """


@dataclass(frozen=True, slots=True)
class Place:
    """A host (name or address) and a port that may be spoken to."""

    host: str
    port: int


@dataclass(slots=True)
class Seal:
    """What is allowed, and a line for everything that was stopped."""

    allowed: frozenset[Place]
    stopped: list[str] = field(default_factory=list)

    def lets_out(self, address: Any) -> bool:
        """Whether a socket may speak to this address; None means where it is connected already."""
        if address is None:
            return True
        if not isinstance(address, tuple) or len(address) < 2:
            return False
        return any(place.port == address[1] and address[0] in _addresses(place) for place in self.allowed)

    def lets_look_up(self, host: Any) -> bool:
        """Whether this name may be resolved: that alone tells a name server."""
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        return name is None or _is_address(name) or any(place.host == name for place in self.allowed)


_lock = threading.Lock()
_installed = False
_seal: Seal | None = None


def places_of(url: str | None) -> frozenset[Place]:
    """Where a client of this URL connects to: its host, or the proxy that the environment names for it."""
    if url is None:
        return frozenset()
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxy = None if proxy_bypass(host) else getproxies().get(parts.scheme)
    places = {Place(host, parts.port or _PORTS.get(parts.scheme, 443))}
    if proxy:
        via = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        places.add(Place(via.hostname or "", via.port or _PORTS.get(via.scheme, 80)))
    return frozenset(places)


@contextmanager
def sealed(allowed: frozenset[Place] = frozenset()) -> Iterator[Seal]:
    """Let nothing out of this process but to the allowed places. Raises RuntimeError where it is sealed already."""
    global _installed, _seal  # noqa: PLW0603  # an audit hook is the process's, and stays for its life
    with _lock:
        if _seal is not None:
            raise RuntimeError("this process is sealed already")
        if not _installed:
            sys.addaudithook(_watch)
            _installed = True
        seal = _seal = Seal(allowed)
    try:
        yield seal
    finally:
        _seal = None


def was_sealed(error: BaseException) -> bool:
    """Whether this failure came of the seal, however a library has wrapped it."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        if isinstance(link, Sealed):
            return True
        seen.add(id(link))
        link = link.__cause__ or link.__context__
    return False


def _watch(event: str, args: tuple[Any, ...]) -> None:
    seal = _seal
    if seal is None:
        return
    if event in _SENDS:
        _hold_back(seal, seal.lets_out(args[1]), f"a connection to {_shown(args[1])}")
    elif event in _LOOKUPS:
        _hold_back(seal, seal.lets_look_up(args[0]), f"a look-up of {_shown(args[0])}")
    elif event in _PROGRAMS:
        _hold_back(seal, False, f"a program ({event})")


def _hold_back(seal: Seal, allowed: bool, what: str) -> None:
    if not allowed:
        seal.stopped.append(what)
        raise Sealed(f"the replay lets nothing out: {what} was refused")


def _addresses(place: Place) -> set[str]:
    """The host's own name and what it resolves to now; names may move to other addresses within a run."""
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except OSError:
        return {place.host}
    return {place.host, *(str(each[4][0]) for each in found)}


def _is_address(name: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, name)
        except OSError:
            continue
        return True
    return False


def _shown(address: Any) -> str:
    if isinstance(address, tuple) and len(address) >= 2:
        return f"{address[0]}:{address[1]}"
    return str(address)
