"""Standard output as a command may find it: closed, full, without a reader, or of an alphabet that is too small.

It must not know what is printed.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys

from policy.errors import CallboardError

#: How Python's own streams meet what they cannot encode; other ways were chosen by somebody.
_BY_DEFAULT = ("strict", "surrogateescape")
#: How a write to a full disk or to what is no output fails.
_OF_OUTPUTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


class OutputClosed(CallboardError):
    """Standard output is closed, and nothing was done: send it to a file, or to /dev/null.

    Acts: the caller.
    """


def prepare_output() -> None:
    """Have what the streams' encodings lack (the "…" of a table, in ASCII) written as another sign. OutputClosed."""
    # Python has no stream where there is none; the next file that is opened would take its place.
    if sys.stdout is None:
        raise OutputClosed
    for stream, errors in ((sys.stdout, "replace"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in _BY_DEFAULT:
            stream.reconfigure(errors=errors)


def reader_has_gone() -> bool:
    """Whether standard output is the broken pipe (`callboard jobs list | head`), not some socket."""
    try:
        output = sys.stdout.fileno()
    except (OSError, ValueError):  # captured, or closed
        return False
    poll = select.poll()
    poll.register(output, 0)
    if not any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0)):
        return False
    _let_go(output)
    return True


def output_failure(error: OSError) -> str | None:
    """Why what was printed cannot be written, or None when `error` is another's: a socket's, or a named file's."""
    try:
        sys.stdout.flush()  # what failed is buffered still, so trying again tells
        unbuffered = isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.write_through
        failed = error if unbuffered and error.filename is None and error.errno in _OF_OUTPUTS else None
    except OSError as again:
        failed = again
    except ValueError:  # closed by somebody in this process
        return None
    if failed is None:
        return None
    _let_go(sys.stdout.fileno())
    return failed.strerror or str(failed)


def _let_go(output: int) -> None:
    """What is still buffered is flushed at the end of the process, and would complain again."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), output)
