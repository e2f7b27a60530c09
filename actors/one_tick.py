"""One tick in a process of its own, for the health server: `python -m actors.one_tick SOURCE` prints its answer.

It must not know HTTP. Exit 0, or 1 when the window could not be enqueued or the ledger did not answer.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Sequence

from actors.schedule import SOURCE, TickMode, tick
from actors.tick_answer import shown
from middleware import logs, tracing
from policy.trace_context import parse


def main(argv: Sequence[str]) -> int:
    """Tick once; SIGTERM starts no further job inline."""
    logs.configure_from_environment()
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.set())
    try:
        tracing.install()
        with tracing.continued(parse(os.environ.get("TRACEPARENT"), os.environ.get("TRACESTATE"))):
            ticked = tick(argv[1] if len(argv) > 1 else SOURCE, stopping=stopping)
    except Exception as error:
        # The caller holds the secret, but may be somebody else's service: the text is in our log.
        logs.event("tick_broke", "ERROR", error=error)
        print(json.dumps({"mode": None, "error": f"the tick failed with {type(error).__name__}"}), flush=True)
        return 1
    print(json.dumps(shown(ticked), default=str), flush=True)
    return 1 if ticked.mode is TickMode.ENQUEUE_FAILED else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
