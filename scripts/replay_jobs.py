"""`callboard replay --jobs`: recorded jobs through today's code, compared with what was recorded."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from policy.errors import CallboardError
from policy.states import JobState
from scripts.modules import import_modules

if TYPE_CHECKING:
    from messaging.replay.recorded import JobResult
    from models.readings.jobs import JobFilter
    from models.readings.paging import Span
    from scripts.replay import Replay

#: Names that a filter may give, with their synonyms.
_NAMES = {
    "actor": "actor",
    "client": "client",
    "client_id": "client",
    "state": "state",
    "status": "state",
    "key": "key",
    "correlation": "correlation",
    "queue": "queue",
    "since": "since",
    "until": "until",
    "all": "all",
}


class FilterUnreadable(CallboardError):
    """The filter of jobs cannot be read.

    Acts: the caller.
    """


@dataclass(frozen=True, slots=True)
class WantedJobs:
    """Which jobs, and from when."""

    jobs: JobFilter
    span: Span


def replay_jobs(replay: Replay) -> None:
    """Find the jobs, run them, note what each came to."""
    from actors.broker import setup
    from actors.replaying import UNTOUCHABLE, replay_job
    from messaging.replay.cases import FailureType
    from messaging.replay.recorded_run import job_told, jobs_summary, run_jobs
    from messaging.replay.sealing import sealed
    from middleware import logs
    from models.database import only_reading
    from models.readings.jobs import list_jobs
    from models.readings.recorded_jobs import recorded_jobs

    args = replay.args
    broker = setup()
    if "CALLBOARD_LOG_LEVEL" not in os.environ:
        # A replayed actor's lines read like those of the real one, and alerts listen to them.
        logs.configure(level="CRITICAL", format=replay.settings.log_format)
    with sealed():  # a connection that is opened while a module is imported would be none that the replay sees
        import_modules(args.module)
    with only_reading():
        page = list_jobs(args.wanted_jobs.jobs, args.wanted_jobs.span)
        jobs = recorded_jobs(page.rows)
        replay.candidates = len(jobs)

        def show(result: JobResult, done: int) -> None:
            replay.progress.show(f"{done} of {len(jobs)} jobs", at_once=done == len(jobs))

        outcome = run_jobs(jobs, lambda job: replay_job(broker, job), UNTOUCHABLE, args.retries, show)
    replay.cut_short = outcome.cut_short
    if outcome.stopped:
        what = f"{outcome.stopped[0]} was stopped, nothing left ({len(outcome.stopped)} in all)"
        replay.trouble(FailureType.EXECUTION, what, len(outcome.stopped))
    replay.told = [job_told(result) for result in outcome.results]
    replay.summary = jobs_summary(outcome.results, replay.troubles)


def read_filter(
    text: str, *, client_id: str | None, since: datetime | None, until: datetime | None, limit: int
) -> WantedJobs:
    """`actor=auto_send,state=dead`; a bare word is an actor, `all` is every job. Raises FilterUnreadable."""
    from models.readings.jobs import JobFilter
    from models.readings.paging import Span

    given: dict[str, list[str]] = {}
    for word in (part.strip() for part in text.split(",")):
        name, equals, value = word.partition("=")
        known = _NAMES.get(name) if equals else ("all" if word == "all" else "actor")
        if known is None or (equals and (not value or known == "all")):
            raise FilterUnreadable(f"{word!r} is none of {', '.join(sorted(set(_NAMES) - {'all'}))} with =VALUE")
        given.setdefault(known, []).append(value if equals else word)
    for name, values in given.items():
        if len(values) > 1 and name != "state":
            raise FilterUnreadable(f"{name} is given twice")
    wanted = JobFilter(
        _one(given, "client") or client_id,
        _one(given, "actor"),
        _one(given, "queue"),
        [_state(word) for word in given.get("state", ())],
        _one(given, "key"),
        _one(given, "correlation"),
    )
    return WantedJobs(
        wanted, Span(limit, _moment(_one(given, "since")) or since, _moment(_one(given, "until")) or until)
    )


def _one(given: dict[str, list[str]], name: str) -> str | None:
    found = given.get(name)
    return found[0] if found else None


def _state(word: str) -> JobState:
    try:
        return JobState(word.lower())
    except ValueError as error:
        raise FilterUnreadable(f"state={word!r} is none of {', '.join(one.value for one in JobState)}") from error


def _moment(text: str | None) -> datetime | None:
    from scripts.listing import moment_given

    try:
        return None if text is None else moment_given(text)
    except argparse.ArgumentTypeError as error:
        raise FilterUnreadable(str(error)) from error
