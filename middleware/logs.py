"""Where log lines come from: loguru with one sink, the scope's ids in each line, std logging taken in.

It must not know rows or metrics. A line holds an event's name and bound fields, never arguments or payloads.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from loguru import logger

from middleware import correlation, log_intercept, log_lines
from middleware.log_sink import EACH, Sink
from middleware.process_end import at_process_end
from policy import settings
from policy.log_levels import LEVELS, ActorLevels, read_levels

if TYPE_CHECKING:
    from collections.abc import Mapping

#: For `log.info("event_name")` and `log.bind(...)`; `event` is the cheaper and the usual way.
log = logger
_from_caller = logger.opt(depth=1)

#: Seconds that a process which ends waits for a reader that has stalled; then its lines go into a file.
LAST_LINES_S = 2.0


def event(name: str, /, level: str = "INFO", *, error: BaseException | None = None, **fields: object) -> None:
    """Write one line: `event` is `name`, the scope's ids are added, `error` becomes class, text and frames.

    benchmarks/log_cost.py, in processor time: 2.8 times a plain line of std logging (0.3 of them for masking), where
    loguru with a sink that does nothing takes 1.3; 0.1 below the level.
    """
    if _sink is not None and (_sink.is_reentered() or _is_too_low(_sink, level, fields)):
        return
    if error is not None:
        fields = {**log_lines.error_fields(error), **fields}
    _from_caller.bind(**fields).log(level, name)


def events(name: str, lines: Sequence[Mapping[str, object]]) -> None:
    """Write a line at INFO for each of `lines`, whose fields these are; loguru is asked once for all of them.

    Most of a line's price is loguru's record: in a batch of a hundred a line costs a fifth (benchmarks/log_cost.py). A
    sink of the application's own gets the one record, with the lines in `extra["each"]`. Fields are ids, names and
    numbers of ours: nothing in them is masked, and none is reserved but `at`, the Unix time in s of what a line tells.
    """
    if lines and not (_sink is not None and _sink.is_reentered()):
        _from_caller.bind(**{EACH: lines}).log("INFO", name)


def flush(within_s: float = LAST_LINES_S) -> None:
    """Before a process ends: wait for a reader that has stalled; what it does not take goes into a file that stays.

    `run/unwritten-<pid>.log` under CALLBOARD_HOME; where that cannot be written either, the lines are lost.
    """
    left = _sink.output.flush(within_s) if _sink is not None else b""
    if left:
        with suppress(OSError):
            folder = Path(os.environ.get("CALLBOARD_HOME") or ".callboard") / "run"
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / f"unwritten-{os.getpid()}.log").open("ab") as file:
                file.write(left)


def lost_lines() -> int:
    """Lines of this process that nobody will read: their reader stalled too long, or has gone, or the disk is full."""
    return _sink.lost + _sink.output.dropped if _sink is not None else 0


def configure(
    *, level: str, format: str, stream: TextIO | None = None, actor_levels: str | None = None, addresses: bool = False
) -> None:
    """Send every line of this process, std logging's and warnings' too, to one sink; may be repeated.

    `level` is a standard level name, `format` one of `json` and `text`; raises ValueError for another format.
    `actor_levels` as CALLBOARD_LOG_LEVELS has it. `addresses`: mail addresses and telephone numbers are written as they
    are. Without `stream` lines go to `sys.stderr` as it is when they are written.
    """
    if format not in log_lines.ENCODERS:
        raise ValueError(f"log format {format!r}: must be one of {', '.join(sorted(log_lines.ENCODERS))}")
    lowest, levels = level.upper(), None
    if actor_levels:
        levels = ActorLevels(LEVELS[lowest], read_levels(actor_levels))
        lowest = next(name for name, number in LEVELS.items() if number == levels.lowest)
    _replace_sink(Sink(log_lines.ENCODERS[format], stream, levels=levels, addresses=not addresses), lowest)
    log_intercept.install(logger.level(lowest).no, write=_write_intercepted)
    # A test runner or an application that has its own hook keeps it.
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _thread_died


def configure_from_environment() -> None:
    """`configure` by CALLBOARD_LOG_LEVEL, _LEVELS, _FORMAT and _ADDRESSES: for workers, forks and launchers."""
    chosen, _ = settings.read(os.environ)
    configure(
        level=chosen.log_level,
        format=chosen.log_format,
        actor_levels=chosen.log_levels,
        addresses=chosen.log_addresses,
    )


_sink: Sink | None = None
_sink_id: int | None = 0  # loguru starts with a handler of its own under this id


def _replace_sink(sink: Sink, level: str) -> None:
    global _sink, _sink_id  # noqa: PLW0603
    former, _sink, _sink_id = _sink_id, sink, None
    if former is not None:
        with suppress(ValueError):  # the application may have removed it before us
            logger.remove(former)
    # format="": the sink reads the record; backtrace and diagnose would print values of variables.
    _sink_id = logger.add(sink, level=level, format="", colorize=False, backtrace=False, diagnose=False, catch=True)


def _write_intercepted(logger_name: str, level: str, name: str, fields: Mapping[str, object]) -> None:
    if _sink is not None and _sink.is_reentered():
        return
    logger.bind(**{**fields, "logger": logger_name}).log(level, name)


def _is_too_low(sink: Sink, level: str, fields: Mapping[str, object]) -> bool:
    """Whether an actor's own level keeps its line back; asked before the line costs anything."""
    if sink.levels is None:
        return False
    scope = correlation.current()
    actor = fields.get("actor") or (scope.actor if scope is not None else None)
    return LEVELS.get(level, LEVELS["CRITICAL"]) < sink.levels.of(actor)


def _begin_anew() -> None:
    if _sink is not None:
        _sink.lost = 0
        _sink.output.begin_anew()


os.register_at_fork(after_in_child=_begin_anew)
at_process_end(flush)


def _thread_died(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is not SystemExit and args.exc_value is not None:
        name = args.thread.name if args.thread is not None else "unknown"
        event("thread_died", "CRITICAL", error=args.exc_value, thread=name)
