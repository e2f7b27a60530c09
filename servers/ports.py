"""Free loopback ports for the embedded servers."""

from __future__ import annotations

import random
import socket

#: Only loopback: the embedded servers are never reachable from another host.
LOOPBACK = "127.0.0.1"
#: Below the ports that Linux (from 32768) and macOS (from 49152) hand to outgoing connections. In that range a
#: stopped server's port could be taken by any client's socket, or by a client that connects to itself.
LOWEST, HIGHEST = 20_000, 32_767
#: Tries before giving up; each is one bind.
TRIES = 200


def is_free(port: int) -> bool:
    """Whether a server could listen on the loopback `port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do: TIME_WAIT is no hindrance
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def choose_free(taken: set[int]) -> int:
    """A free loopback port that is not in `taken`. Raises OSError when none is found."""
    for _ in range(TRIES):
        port = random.randint(LOWEST, HIGHEST)
        if port not in taken and is_free(port):
            return port
    raise OSError(f"no free port between {LOWEST} and {HIGHEST}")
