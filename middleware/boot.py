"""Starts and stops what a worker process needs beside its threads: heartbeat, writer, relay; all after the fork."""

from __future__ import annotations

from pathlib import Path

from dramatiq import Broker, Worker

from middleware import enqueuer, malloc
from middleware.configuration import connect_database, warn_of_contradictions
from middleware.finish_writer import FinishWriter
from middleware.heartbeat import Heartbeat
from middleware.logs import event
from middleware.redis_broker import LedgerRedisBroker
from middleware.relay import Relay
from middleware.watchdog import Watchdog
from middleware.worker_process import WorkerProcess, attach, process_of
from models.database import close_connection
from policy.settings import Settings

#: Seconds that a stopping worker gives its writer to commit and ack what was handed over.
_DRAIN_S = 20.0


def start(broker: Broker, worker: Worker, settings: Settings) -> WorkerProcess:
    """Make this process a worker in the ledger's eyes. Waits for nothing: while the ledger is away, nothing runs."""
    malloc.keep_threshold()
    warn_of_contradictions(settings)
    connect_database(settings)
    process = WorkerProcess(
        broker,
        settings,
        queues=sorted(worker.consumer_whitelist or ()),
        threads=worker.worker_threads,
        slots_folder=Path(settings.home) / "run",
    )
    if isinstance(broker, LedgerRedisBroker):
        process.writer = FinishWriter(process)
        process.writer.start()
    process.heartbeat = Heartbeat(process)
    process.relay = Relay(process)
    process.watchdog = Watchdog(process, worker)
    attach(broker, process)
    process.heartbeat.start()
    process.relay.start()
    process.watchdog.start()
    return process


def begin_stop(broker: Broker) -> None:
    """The first sign of shutdown: fetch nothing more, give back everything unstarted."""
    process = process_of(broker)
    if process is not None:
        process.stopping.set()
        process.in_hand.wake()
        process.give_back(process.in_hand.take_waiting())


def stop(broker: Broker) -> None:
    """After the worker threads: drain the writer, give back what is left, say that this worker has stopped."""
    process = process_of(broker)
    if process is None:
        return
    process.give_back(process.in_hand.take_waiting())
    if process.writer is not None and not process.writer.end(_DRAIN_S):
        event("drain_cut_short", "WARNING", worker_id=str(process.holder.id))
    if process.relay is not None:
        process.relay.end()
    if process.heartbeat is not None:
        process.heartbeat.end()
    process.say_stopped()
    enqueuer.finish()  # here, while there still is somewhere to write its lines
    if process.watchdog is not None:
        process.watchdog.end()
    attach(broker, None)
    close_connection()
