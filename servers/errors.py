"""What can be wrong with the embedded servers: the `servers` branch of the one exception tree."""

from __future__ import annotations

from policy.errors import CallboardError


class ServersError(CallboardError):
    """The embedded servers cannot be used.

    Acts: an operator; the message says what to do.
    """


class NotInstalled(ServersError):
    """the embedded servers are not installed: pip install 'callboard[embedded]', or set the servers' URLs

    Acts: an operator.
    """


class HomeUnusable(ServersError):
    """The home folder cannot be used.

    Acts: an operator, who changes the folder or sets CALLBOARD_HOME.
    """


class Taken(ServersError):
    """Servers already run for this home folder.

    Acts: an operator; whoever started them ends them.
    """


class PortTaken(ServersError):
    """Somebody else listens on the server's port.

    Acts: an operator, who frees the port or starts the servers anew on another.
    """


class StartFailed(ServersError):
    """A server did not start.

    Acts: an operator; the server's log says why.
    """


class NotOurs(ServersError):
    """The server was given by URL or is another process's, so it is not ours to stop or start.

    Acts: the caller.
    """


class Interrupted(ServersError):
    """The servers were told to end while they were starting.

    Acts: nobody.
    """


_KINDS: dict[str, type[ServersError]] = {
    kind.__name__: kind for kind in (NotInstalled, HomeUnusable, Taken, PortTaken, StartFailed, NotOurs, Interrupted)
}


def revived(kind: str, message: str) -> ServersError:
    """The error that another process described by the name of its class and its message."""
    return _KINDS.get(kind, ServersError)(message)
