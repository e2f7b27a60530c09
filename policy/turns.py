"""Whose job is released next: clients in turn, however many jobs one of them has waiting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, islice, zip_longest
from typing import TypeVar

T = TypeVar("T")

#: Fills the rows of clients with fewer waiting jobs; no job is this object.
_NOBODY = object()


def take_per_client(room: int, clients: int) -> int:
    """How many due jobs to read of each client, so that all together can fill the room: 0 without room."""
    if room <= 0 or clients <= 0:
        return 0
    return -(-room // clients)


def in_turn(waiting: Mapping[str, Sequence[T]], room: int, *, after: str | None = None) -> list[T]:
    """At most `room` jobs: the first of each client, then the second of each, and so on.

    `after` names the client served last; the turn goes on behind it, in the mapping's order, so that
    more clients than room are all served over the rounds. Unknown or None: from the start.
    """
    clients = list(waiting)
    start = clients.index(after) + 1 if after is not None and after in waiting else 0
    lines = [waiting[client] for client in clients[start:] + clients[:start]]
    rounds = chain.from_iterable(zip_longest(*lines, fillvalue=_NOBODY))
    return list(islice((job for job in rounds if job is not _NOBODY), max(room, 0)))  # type: ignore[misc]
