"""Logging to a stream for tests of what is written, put back afterwards as it was."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from middleware import logs

#: What no line may show.
SECRET = "bob@example.org"


@contextmanager
def logging_to_stream() -> Iterator[io.StringIO]:
    """Meanwhile all lines of this process go to the stream, as JSON."""
    root, hook = logging.getLogger(), threading.excepthook
    handlers, level = list(root.handlers), root.level
    root.handlers.clear()
    out = io.StringIO()
    # The runner has put the warnings' hook back since an earlier test had it taken, and logging takes it but once.
    logging.captureWarnings(False)
    logs.configure(level="DEBUG", format="json", stream=out)
    try:
        yield out
    finally:
        logging.captureWarnings(False)
        with suppress(ValueError):
            logs.log.remove(logs._sink_id)
        logs._sink_id = None
        root.handlers[:] = handlers
        root.setLevel(level)
        threading.excepthook = hook


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """What was written, line by line."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]
