"""DBOS: a durable workflow without steps, on a queue; status, input and output are rows in PostgreSQL.

`work` runs the executor until it is told to end.
"""

from __future__ import annotations

import os
import signal
import sys

from dbos import DBOS, DBOSConfig  # type: ignore[import-not-found]

from benchmarks.peer_plays.counting import count_one

_QUEUE = "bench"

config: DBOSConfig = {
    "name": "bench",
    "system_database_url": os.environ["BENCH_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://"),
    "application_version": "bench",
    "log_level": "WARNING",
}
DBOS(config=config)
noop = DBOS.workflow(name="noop")(count_one)


def main(argument: str) -> None:
    """`prepare`, `work`, or a number of workflows to enqueue."""
    if argument != "work":
        DBOS.listen_queues([])  # this process only enqueues
    DBOS.launch()
    if argument in ("prepare", "work"):
        DBOS.register_queue(_QUEUE)
    if argument == "work":
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
    elif argument != "prepare":
        for _ in range(int(argument)):
            DBOS.enqueue_workflow(_QUEUE, noop)
    DBOS.destroy()


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main(sys.argv[1])
