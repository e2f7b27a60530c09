"""Where log lines come from and go: loguru with one sink, the scope's ids in each line, std logging taken in.

It must not know rows or metrics. A line holds an event's name and bound fields, never arguments or payloads.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from loguru import logger

from middleware import correlation, log_intercept, log_lines
from policy import settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loguru import Message, Record

#: For `log.info("event_name")` and `log.bind(...)`; `event` is the cheaper and the usual way.
log = logger
_from_caller = logger.opt(depth=1)

#: What a caller's fields may not overwrite: such a field is written as `field_<name>`.
RESERVED = frozenset({"at", "level", "pid", "message"})

#: Under this name a record that stands for many lines holds the fields of each.
_EACH = "each"

#: Level names of a line; others (a library's own number) are written as the nearest one below.
_LEVELS = ((50, "CRITICAL"), (40, "ERROR"), (30, "WARNING"), (20, "INFO"), (0, "DEBUG"))


class Sink:
    """Writes each line to `stream`, or to what `sys.stderr` is by then: Dramatiq swaps it after the fork."""

    def __init__(self, encode: log_lines.Encoder, stream: TextIO | None = None) -> None:
        self.encode = encode
        self.stream = stream
        #: Lines lost since the start: the reader is gone, the disk full, or they came from within a line.
        self.lost = 0
        #: Identity of the thread that is writing, 0 when none is.
        self.writer = 0
        self._second = -1
        self._second_text = ""
        self._kept = threading.local()

    def __call__(self, message: Message) -> None:
        # A worker must not fail for want of a log: a closed pipe or a full disk loses the line.
        self.writer = threading.get_ident()
        try:
            line = self.encoded(message.record)
            kept: list[str] | None = getattr(self._kept, "lines", None)
            if kept is None:
                self._write(line)
            else:
                kept.append(line)
        except Exception:
            self.lost += 1
        finally:
            self.writer = 0

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write this thread's lines at the end of the block, in one go: Dramatiq's pipe takes a call a write."""
        self._kept.lines = lines = list[str]()
        try:
            yield
        finally:
            self._kept.lines = None
            try:
                if lines:
                    self._write("".join(lines))
            except Exception:
                self.lost += len(lines)

    def _write(self, text: str) -> None:
        stream = self.stream or sys.stderr
        stream.write(text)
        stream.flush()

    def is_reentered(self) -> bool:
        """Whether this thread is writing a line already: it was interrupted by a signal handler or `__del__`.

        loguru refuses such a line with a page of traceback that shows its fields; the line is given up instead.
        """
        if self.writer != threading.get_ident():
            return False
        self.lost += 1
        return True

    def encoded(self, record: Record) -> str:
        """The record's line; or, of a record that stands for many (`events`), all of them."""
        each: Sequence[Mapping[str, object]] | None = record["extra"].pop(_EACH, None)
        line = self.fields(record)
        if each is None:
            return self.encode(line)
        return "".join([self.encode({**line, **fields}) for fields in each])

    def fields(self, record: Record) -> dict[str, object]:
        """The line as a mapping, in the order in which it is written (`docs/logs.md`)."""
        extra = record["extra"]
        text = record["message"]
        event = extra.get("event") or (text if log_lines.is_event_name(text) else "log")
        line: dict[str, object] = {
            "at": self._at(record["time"].timestamp()),
            "level": _level(record["level"].no, record["level"].name),
            "event": event,
        }
        scope = correlation.current()
        if scope is not None:
            _add_scope(line, scope)
        line["logger"] = record["name"]
        line["pid"] = os.getpid()
        if extra:
            _add_extra(line, extra, event)
        if text != event:
            line["message"] = text
        error = record["exception"]
        if error is not None and error.value is not None:
            line.update(log_lines.error_fields(error.value))
        return line

    def _at(self, seconds: float) -> str:
        # strftime costs more than the whole rest of a line's head; its text changes once a second.
        whole, part = divmod(int(seconds * 1000), 1000)
        if whole != self._second:
            self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
            self._second = whole
        return f"{self._second_text}.{part:03d}Z"


def event(name: str, /, level: str = "INFO", *, error: BaseException | None = None, **fields: object) -> None:
    """Write one line: `event` is `name`, the scope's ids are added, `error` becomes class, text and frames.

    benchmarks/log_cost.py: 27-31 µs, twice a plain line of std logging; loguru with a sink that does nothing
    takes 16-20. 2.5 µs below the level.
    """
    if _sink is not None and _sink.is_reentered():
        return
    if error is not None:
        fields = {**log_lines.error_fields(error), **fields}
    _from_caller.bind(**fields).log(level, name)


def events(name: str, lines: Sequence[Mapping[str, object]]) -> None:
    """Write a line at INFO for each of `lines`, whose fields these are; loguru is asked once for all of them.

    Most of a line's price is loguru's record: in a batch of a hundred a line costs a fifth (benchmarks/log_cost.py). A
    sink of the application's own gets the one record, with the lines in `extra["each"]`. Fields must not be reserved.
    """
    if lines and not (_sink is not None and _sink.is_reentered()):
        _from_caller.bind(**{_EACH: lines}).log("INFO", name)


@contextmanager
def together() -> Iterator[None]:
    """Write what this thread logs during the block in one go, at its end; a batch of lines costs the pipe one call."""
    if _sink is None:
        yield
        return
    with _sink.together():
        yield


def configure(*, level: str, format: str, stream: TextIO | None = None) -> None:
    """Send every line of this process, std logging's and warnings' too, to one sink; may be repeated.

    `level` is a standard level name, `format` one of `json` and `text`; raises ValueError for another format.
    Without `stream` lines go to `sys.stderr` as it is when they are written.
    """
    if format not in log_lines.ENCODERS:
        raise ValueError(f"log format {format!r}: must be one of {', '.join(sorted(log_lines.ENCODERS))}")
    _replace_sink(Sink(log_lines.ENCODERS[format], stream), level.upper())
    log_intercept.install(logger.level(level.upper()).no, write=_write_intercepted)
    # A test runner or an application that has its own hook keeps it.
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _thread_died


def configure_from_environment() -> None:
    """`configure` by CALLBOARD_LOG_LEVEL and CALLBOARD_LOG_FORMAT: for workers, forks and launchers."""
    chosen, _ = settings.read(os.environ)
    configure(level=chosen.log_level, format=chosen.log_format)


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


def _add_scope(line: dict[str, object], scope: correlation.Scope) -> None:
    line["correlation_id"] = scope.correlation_id
    if scope.job_id is not None:
        line["job_id"] = scope.job_id
    if scope.dispatch_key is not None:
        line["dispatch_key"] = scope.dispatch_key
    if scope.actor is not None:
        line["actor"] = scope.actor
    if scope.attempt is not None:
        line["attempt"] = scope.attempt
    if scope.client_id is not None:
        line["client_id"] = scope.client_id
    if scope.traceparent is not None:
        line["traceparent"] = scope.traceparent


def _add_extra(line: dict[str, object], extra: dict[str, object], event_name: object) -> None:
    if RESERVED.isdisjoint(extra):
        line.update(extra)
    else:
        line.update({f"field_{name}" if name in RESERVED else name: value for name, value in extra.items()})
    line["event"] = event_name


def _level(number: int, name: str) -> str:
    if name.isalpha():
        return name
    return next(known for floor, known in _LEVELS if number >= floor)


def _thread_died(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is not SystemExit and args.exc_value is not None:
        name = args.thread.name if args.thread is not None else "unknown"
        event("thread_died", "CRITICAL", error=args.exc_value, thread=name)
