"""What the supervisor is asked to run. Passed over the channel, never as arguments: URLs hold passwords."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """Which servers to run for `home` (absolute); those whose URL is given are somebody else's.

    `owner_pid` is the process whose end ends the servers; None: they stay until `down`.
    """

    home: str
    durable: bool = True
    owner_pid: int | None = None
    database_url: str | None = None
    redis_url: str | None = None
    smtp_url: str | None = None
