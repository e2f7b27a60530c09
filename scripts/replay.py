"""`callboard replay`: past conversations, or recorded jobs, through today's code with nothing let out."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from policy.errors import CallboardError, NotFound, ServersNotFound
from scripts.exits import ExitCode, one_line, unreachable_line, unreachable_server
from scripts.modules import ModuleBroken
from scripts.parsing import Subparsers
from scripts.replay_config import ask_of, bar_of, config_told, selection_told
from scripts.replay_options import add_options, check_together

if TYPE_CHECKING:
    from messaging.replay.cases import CaseResult, FailureType
    from messaging.replay.selection import Selection
    from messaging.replay.summary import Trouble
    from policy.settings import Settings
    from scripts.progress import Progress


class ArtifactUnwritable(CallboardError):
    """The artifact cannot be written.

    Acts: the caller, with another --out.
    """


@dataclass(slots=True)
class Replay:
    """A replay under way: what was asked for, when it began, and what is known of it by now.

    `told` are the cases, and `summary` what they come to, as the artifact has them.
    """

    args: argparse.Namespace
    settings: Settings
    progress: Progress
    created_at: datetime
    began_s: float
    selection: Selection | None = None
    results: Sequence[CaseResult] = ()
    candidates: int = 0
    told: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)
    cut_short: BaseException | None = None

    def trouble(self, failure_type: FailureType, diagnosis: str, count: int = 1) -> None:
        """Note what went wrong beside the cases."""
        from messaging.replay.summary import Trouble

        self.troubles.append(Trouble(failure_type, one_line(diagnosis), count))


def add_parser(commands: Subparsers) -> None:
    """Add `replay` to the commands."""
    parser = add_options(commands)
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> ExitCode:
    """Replay, write the artifact, say how it went. Raises SettingInvalid, ArtifactUnwritable."""
    from scripts.ledger_access import configure_logs, settings_said
    from scripts.progress import Progress
    from scripts.replay_servers import servers_for

    check_together(args.parser, args)
    settings = settings_said()
    configure_logs(settings)
    _refuse_unwritable(_out(args))
    replay = Replay(args, settings, Progress(), datetime.now(timezone.utc), time.monotonic())
    try:
        with servers_for(replay):
            _carry_out(replay)
            return _end(replay)
    finally:
        replay.progress.clear()


def _carry_out(replay: Replay) -> None:
    """Preflight, selection, and the cases if any are to be run."""
    from messaging.replay.cases import FailureType
    from messaging.replay.preflight import preflight
    from messaging.replay.summary import summary_of
    from scripts.replay_jobs import replay_jobs

    try:
        if not replay.troubles:
            diagnosis = preflight(replay.settings, model=not replay.args.dry_run)
            if diagnosis is not None:
                replay.trouble(FailureType.INFRA, diagnosis)
            elif replay.args.jobs is not None:
                replay_jobs(replay)
                return
            else:
                _replay_cases(replay)
    except (ServersNotFound, ModuleBroken) as error:
        replay.trouble(FailureType.INFRA, str(error))
    except NotFound as error:
        replay.trouble(FailureType.SELECTION, str(error))
    except Exception as error:
        server = unreachable_server(error)
        if server is None:
            raise
        replay.trouble(FailureType.INFRA, unreachable_line(server, error))
    replay.summary = summary_of(replay.results, replay.troubles)


def _replay_cases(replay: Replay) -> None:
    from messaging.replay.artifact import cases_told
    from messaging.replay.harness import selected_only
    from models.database import only_reading

    with only_reading():
        if not _select(replay) or replay.selection is None:
            return
        if replay.args.dry_run:
            replay.results = selected_only(replay.selection.cases)
        else:
            _run_cases(replay, replay.selection)
    replay.told = cases_told(replay.results)


def _select(replay: Replay) -> bool:
    """Whether there is a selection, perhaps an empty one; what is missing from it is noted."""
    from messaging.replay.cases import FailureType
    from messaging.replay.selection import select

    replay.progress.show("selecting", at_once=True)
    try:
        selection = select(ask_of(replay.args, replay.created_at))
    except NotFound as error:
        replay.trouble(FailureType.SELECTION, str(error))
        return False
    replay.selection, replay.candidates = selection, selection.candidates
    if selection.missing:
        named = ", ".join(str(one) for one in selection.missing[:3])
        more = f" and {len(selection.missing) - 3} more" if len(selection.missing) > 3 else ""
        replay.trouble(FailureType.SELECTION, f"no case in thread {named}{more}", len(selection.missing))
    return True


def _run_cases(replay: Replay, selection: Selection) -> None:
    from messaging.replay.cases import FailureType
    from messaging.replay.harness import Terms, run_cases

    args, total, failed = replay.args, len(selection.cases), 0

    def show(result: CaseResult, done: int) -> None:
        nonlocal failed
        failed += result.failure_type is not None
        replay.progress.show(f"{done} of {total} cases, {failed} failed", at_once=done == total)

    replay.progress.show(f"0 of {total} cases", at_once=True)
    terms = Terms(bar_of(args), args.concurrency, args.retries, not args.no_slots)
    outcome = run_cases(selection.cases, replay.settings, terms, show)
    replay.results, replay.cut_short = outcome.results, outcome.cut_short
    if outcome.stopped:
        what = f"{outcome.stopped[0]} was stopped, nothing left ({len(outcome.stopped)} in all)"
        replay.trouble(FailureType.EXECUTION, what, len(outcome.stopped))


def _end(replay: Replay) -> ExitCode:
    """Write the artifact, keep drafts if asked to, report. An interrupt goes on from here."""
    from messaging.replay.artifact import write_artifact
    from messaging.replay.kept_drafts import keep_drafts
    from scripts.replay_screen import report

    try:
        written = write_artifact(_out(replay.args), replay.created_at, _content(replay))
    except OSError as error:
        raise ArtifactUnwritable(f"cannot write the artifact: {error}") from error
    if replay.args.keep_drafts and replay.results:
        keep_drafts(written.run_id, replay.results)
    replay.progress.clear()
    report(written, as_objects=replay.args.json)
    if replay.cut_short is not None:
        raise replay.cut_short
    return _code(replay)


def _content(replay: Replay) -> dict[str, Any]:
    from messaging.replay.baseline import diff

    duration_ms = round((time.monotonic() - replay.began_s) * 1000)
    return {
        "config": config_told(replay.args, replay.settings),
        "selection": selection_told(replay.selection, candidates=replay.candidates, selected=len(replay.told)),
        "summary": {**replay.summary, "interrupted": replay.cut_short is not None, "durationMs": duration_ms},
        "cases": replay.told,
        "baselineDiff": diff(replay.results, replay.args.baseline) if replay.args.baseline else None,
    }


def _code(replay: Replay) -> ExitCode:
    """NOTHING_MATCHED for an unknown client or an empty selection, unless what is wrong is ours."""
    from messaging.replay.cases import FailureType
    from messaging.replay.summary import is_clean

    ours = any(trouble.failure_type is not FailureType.SELECTION for trouble in replay.troubles)
    unknown = bool(replay.troubles) and replay.selection is None
    empty = not replay.told and not replay.args.allow_empty
    if not ours and (unknown or empty):
        return ExitCode.NOTHING_MATCHED
    return ExitCode.DONE if is_clean(replay.summary) else ExitCode.ERROR


def _out(args: argparse.Namespace) -> Path:
    from messaging.replay.artifact import FOLDER

    out: Path = args.out or FOLDER
    return out


def _refuse_unwritable(out: Path) -> None:
    """Before the first case: what cannot be written down need not be run."""
    folder = out.parent if out.suffix == ".json" else out
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArtifactUnwritable(f"cannot write to {folder}: {error.strerror or error}") from error
    if not os.access(folder, os.W_OK | os.X_OK) or (out.suffix == ".json" and out.is_dir()):
        raise ArtifactUnwritable(f"cannot write to {out}")
