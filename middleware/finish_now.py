"""Writes one finish at once, for brokers that ack right after the hook: it waits there while the ledger is away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psycopg2

from middleware import finish_report
from middleware.copies import make_ready
from middleware.in_hand import Held
from middleware.logs import event
from models.faults import is_infrastructure
from models.ledger.finish import Finish, finish
from policy.errors import DispatchContended

if TYPE_CHECKING:
    from middleware.worker_process import WorkerProcess

#: Seconds between attempts to reach the ledger.
_WAIT_S = 0.5


def finish_waiting(process: WorkerProcess, held: Held, done: Finish) -> None:
    """Commit this finish before returning. A worker that stops meanwhile leaves the job to its lease."""
    process.in_hand.finishing(held)
    while True:
        began_s = time.monotonic()
        try:
            finished = finish(held.worker_id, [done], dedupe_s=process.settings.dedupe_s)
        except (psycopg2.Error, DispatchContended) as error:
            if not is_infrastructure(error):
                event("finish_refused", "ERROR", job_id=str(held.claim.job_id), actor=held.actor, error=error)
                bare = finish_report.barer(done)
                if bare == done:
                    process.in_hand.remove([held])  # the heartbeat gives the job back
                    raise
                done = bare
                continue
            event("finish_waits", "WARNING", finishes=1, error=error)
            if process.stopping.wait(_WAIT_S):
                break
            continue
        finish_report.timed(time.monotonic() - began_s, 1)
        finish_report.report(process, [(held, done)], finished)
        make_ready(process.broker, finished.released, bounded=True)
        break
    process.in_hand.remove([held])
