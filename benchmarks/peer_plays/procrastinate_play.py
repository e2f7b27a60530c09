"""Procrastinate: jobs, their states and events are rows in PostgreSQL. `prepare` makes its schema."""

from __future__ import annotations

import os
import sys

import procrastinate  # type: ignore[import-not-found]

from benchmarks.peer_plays.counting import count_one

_URL = os.environ["BENCH_DATABASE_URL"]

#: The worker is asynchronous; an asynchronous task spares it the thread that a synchronous one would be given.
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=_URL))


async def _noop() -> None:
    count_one()


noop = app.task(name="noop")(_noop)


if __name__ == "__main__":
    with app.replace_connector(procrastinate.SyncPsycopgConnector(conninfo=_URL)) as filling, filling.open():
        if sys.argv[1] == "prepare":
            filling.schema_manager.apply_schema()
        else:
            filling.configure_task("noop").batch_defer(*[{}] * int(sys.argv[1]))
