"""What is counted, under which names, and one small function for each thing that happens.

It must not know when things happen: callers count after the commit they speak of. Names, labels and meaning
are in docs/metrics.md. A counter costs 2-3 µs, a histogram 4-6: 0.6 and 1.2 times the library's own
`labels().inc()` (benchmarks/log_cost.py).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Sequence

from dramatiq.common import q_name

from middleware.gauge_readings import GAUGES, READING_SECONDS, GaugeReadings, LedgerCollector
from middleware.metric_series import Counts, Label, Moves, Observes, Series, counter, gauge, histogram

#: Seconds, from a millisecond to six hours: the same for everything an actor may take.
DURATIONS = (
    *(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 10800.0, 21600.0),
)
#: Seconds of one ledger statement with its commit: 0.2 ms for a prepared one, 30 s the longest allowed.
STATEMENTS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
#: Seconds from a worker's last beat to its jobs' return; 45 is the bound at the default settings.
RECOVERIES = (1, 2.5, 5, 10, 15, 20, 25, 30, 35, 40, 45, 60, 90, 120, 300, 600, 3600)
#: Seconds that a reply went out after it was due; 300 is the promise (docs/operating.md).
LATENESSES = (1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 21600, 86400)
#: Rows in one statement.
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

#: Series of their own for the first so many; a later one counts as `other` (docs/decisions/0021).
CLIENTS = 50
SOURCES = 20

_dispatched = counter("jobs_dispatched", "Jobs dispatched, after commit.", "actor", Label("source", SOURCES))
_duplicates = counter("jobs_duplicate", "Dispatches refused because a job holds the key.", "actor")
_refused_copies = counter("copies_refused", "Copies acked without running.", "actor", "outcome")
_attempts = counter("attempts", "Attempts closed, by run status.", "actor", "queue", "outcome")
_finished = counter("jobs_finished", "Jobs that reached a final state.", "actor", "state")
_finished_by_client = counter(
    "jobs_finished_by_client",
    "Jobs that reached a final state, by client.",
    Label("client", CLIENTS),
    "state",
)
_verdicts = counter("verdicts", "Failures judged, by verdict and rule.", "actor", "verdict", "rule")
_durations = histogram("attempt_duration_seconds", "Start to end of an attempt.", DURATIONS, "actor", "queue")
_waits = histogram("queue_wait_seconds", "Due to claimed.", DURATIONS, "actor", "queue")
_in_progress = gauge("jobs_in_progress", "Messages in actors now.", "actor", "queue")
_lines_counted = 0
#: Dramatiq's hooks around a message, whose exceptions it swallows.
_HOOKS = (
    *(f"before_{what}" for what in ("enqueue", "delay_message", "process_message", "ack", "nack")),
    *(f"after_{what}" for what in ("enqueue", "process_message", "skip_message", "ack", "nack")),
)
#: What each thread works on, by its identity.
_working: dict[int, tuple[str, str]] = {}
_dead_letters = counter("dead_letters", "Jobs that died.", "actor", "reason")
_effects = counter("effects", "Effects by the state they entered.", "kind", "state")
_refusals = counter("guardrail_refusals", "Replies the gate refused.", "reason")
_stale_writes = counter("stale_writes_rejected", "Finishes of a claim that was over.", "actor")
_lost = counter("lost_attempts", "Attempts closed because their worker was lost.", "actor")
_recoveries = histogram("recovery_seconds", "Last beat of a lost worker to the return of its jobs.", RECOVERIES)
_windows = counter("dispatch_windows", "Dispatch windows by the status they were closed with.", "status")
_ledger = histogram("ledger_seconds", "One ledger statement with its commit.", STATEMENTS, "operation")
_batches = histogram("ledger_batch_size", "Rows in one ledger statement.", BATCHES, "operation")
_lost_workers = counter("workers_lost", "Workers declared lost.")
_relay_failures = counter("relay_failures", "Passes of the relay's steps that failed.", "step")
_lateness = histogram("reply_lateness_seconds", "Due to sent, of replies that were sent.", LATENESSES)
_lost_lines = counter("log_lines_lost", "Log lines given up because nobody took them.")
_hook_failures = counter("hook_failures", "Exceptions of hooks that Dramatiq swallowed.", "hook")

__all__ = ["COUNTED", "GAUGES", "READING_SECONDS", "GaugeReadings", "LedgerCollector"]

#: Every series counted in processes, for documentation and tests.
COUNTED: tuple[Series[Counts] | Series[Moves] | Series[Observes], ...] = (
    _dispatched,
    _duplicates,
    _refused_copies,
    _attempts,
    _finished,
    _finished_by_client,
    _verdicts,
    _durations,
    _waits,
    _in_progress,
    _dead_letters,
    _effects,
    _refusals,
    _stale_writes,
    _lost,
    _recoveries,
    _windows,
    _ledger,
    _batches,
    _lost_workers,
    _relay_failures,
    _lateness,
    _lost_lines,
    _hook_failures,
)


def show_zeros() -> None:
    """Make the series that alerts ask for before anything has happened: no increase is seen without a first sample.

    Those of actors come with each worker process (`show_actors`). Others come with their first count; no alert asks for
    their increase.
    """
    for unlabelled in (_lost_workers, _recoveries, _lateness, _lost_lines):
        unlabelled[()]
    for status in ("enqueued", "enqueue_failed", "inline_emergency"):
        _windows[(status,)]
    for step in ("give_back", "recover", "release", "sweep", "maintain"):
        _relay_failures[(step,)]
    for hook in _HOOKS:
        _hook_failures[(hook,)]


def show_actors(actors: Iterable[tuple[str, str]]) -> None:
    """Make the series of each (actor, queue) that failures, deaths and the load are read from, before any attempt.

    A counter that appears with its first count hides that count from every rate, and a short burst of failures whole.
    Progress is looked at each second: short jobs may never be seen, and an idle worker is 0, not absent.
    """
    for actor, queue in actors:
        _in_progress[actor, queue]
        _finished[actor, "dead"]
        for outcome in ("succeeded", "failed", "lost"):
            _attempts[actor, queue, outcome]


def job_dispatched(actor: str, source: str | None) -> None:
    """A dispatch inserted a job."""
    _dispatched[actor, source].inc()


def job_duplicate(actor: str) -> None:
    """A dispatch met a job that holds its key."""
    _duplicates[(actor,)].inc()


def copy_refused(actor: str, outcome: str) -> None:
    """A copy was acked without running: duplicate, stale, not_due, cancelled or orphan."""
    _refused_copies[actor, outcome].inc()


def attempts_opened(actor: str, queue: str, waits_s: Sequence[float], longest: str | None = None) -> None:
    """Claims were taken so many seconds after their jobs fell due; clocks that disagree count as no wait.

    `longest` is the run key of the one that waited longest.
    """
    _spread(_waits[actor, queue], waits_s, longest)


def attempts_closed(actor: str, queue: str, outcome: str, times: int = 1) -> None:
    """So many attempts ended with a run status."""
    _attempts[actor, queue, outcome].inc(times)


def attempts_took(actor: str, queue: str, durations_s: Sequence[float], longest: str | None = None) -> None:
    """Attempts that had started ended after so many seconds; `longest` is the run key of the one that took longest."""
    _spread(_durations[actor, queue], durations_s, longest)


def _spread(series: Observes, amounts_s: Sequence[float], longest: str | None) -> None:
    series.observe_many([max(amount_s, 0.0) for amount_s in amounts_s])
    if longest is not None:
        series.exemplify(max(*amounts_s, 0.0), longest)


def job_finished(actor: str, state: str, client_id: str | None, times: int = 1) -> None:
    """So many jobs reached a final state."""
    _finished[actor, state].inc(times)
    _finished_by_client[client_id, state].inc(times)


def verdict_given(actor: str, verdict: str, rule: str) -> None:
    """A failure was judged."""
    _verdicts[actor, verdict, rule].inc()


def progress_started(actor: str, queue: str) -> None:
    """This thread took a message of a queue, or of its delay queue, into its hooks."""
    _working[threading.get_ident()] = (actor, queue)


def progress_ended() -> None:
    """This thread is done with what it took, run or skipped."""
    _working.pop(threading.get_ident(), None)


def show_progress() -> None:
    """Write down what all threads work on now; called every second, because writing it twice a message is dear."""
    now: Counter[tuple[str | None, ...]] = Counter((actor, q_name(queue)) for actor, queue in list(_working.values()))
    # Several may share one child: label values are bounded in length, case and number.
    shown: dict[int, tuple[Moves, int]] = {}
    for running in {*_in_progress, *now}:
        child = _in_progress[running]
        shown[id(child)] = (child, now[running] + shown.get(id(child), (child, 0))[1])
    for child, count in shown.values():
        child.set(count)


def dead_letter(actor: str, reason: str) -> None:
    """A job became a dead letter."""
    _dead_letters[actor, reason].inc()


def effect_settled(kind: str, state: str) -> None:
    """An effect entered a state: intended, confirmed, failed, refused or unknown."""
    _effects[kind, state].inc()


def guardrail_refused(reason: str) -> None:
    """The gate refused a reply."""
    _refusals[(reason,)].inc()


def stale_write(actor: str) -> None:
    """A finish moved no row because its claim was over."""
    _stale_writes[(actor,)].inc()


def attempt_lost(actor: str) -> None:
    """An attempt was closed because its worker was declared lost."""
    _lost[(actor,)].inc()


def recovered(seconds: float) -> None:
    """A lost worker's jobs are pending again, `seconds` after its last beat."""
    _recoveries[()].observe_many([max(seconds, 0.0)])


def worker_lost() -> None:
    """A worker was declared lost."""
    _lost_workers[()].inc()


def relay_failed(step: str) -> None:
    """A step of a relay's pass failed; the next pass tries again."""
    _relay_failures[(step,)].inc()


def reply_sent(late_s: float) -> None:
    """A reply went out so many seconds after it was due; early counts as punctual."""
    _lateness[()].observe_many([max(late_s, 0.0)])


def window_closed(status: str) -> None:
    """A dispatch window got its status."""
    _windows[(status,)].inc()


def ledger_timed(operation: str, seconds: float, batch_size: int) -> None:
    """A ledger statement over `batch_size` rows committed."""
    _ledger[(operation,)].observe_many([seconds])
    _batches[(operation,)].observe_many([batch_size])


def log_lines_lost(so_far: int) -> None:
    """So many lines of this process have been lost since its start."""
    global _lines_counted  # of the one log of this process
    before, _lines_counted = _lines_counted, so_far
    newly = so_far - before if so_far >= before else so_far  # less: the log was configured anew, and counts from zero
    if newly:
        _lost_lines[()].inc(newly)


def hook_failed(hook: str) -> None:
    """Dramatiq swallowed an exception of a hook (`before_process_message`, …)."""
    _hook_failures[(hook,)].inc()
