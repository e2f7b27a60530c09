"""The sink of all log lines: a record becomes a mapping, masked, in one order, and goes out without making anyone wait.

It must not know rows or metrics, nor who logs.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

from middleware import correlation, log_lines
from middleware.line_output import LineOutput
from middleware.log_masking import masked_fields
from policy.log_levels import ActorLevels

if TYPE_CHECKING:
    from loguru import Message, Record

#: What a caller's fields may not overwrite: such a field is written as `field_<name>`.
RESERVED = frozenset({"at", "level", "pid", "message"})

#: Under this name a record that stands for many lines holds the fields of each (`logs.events`).
EACH = "each"

#: Level names of a line; others (a library's own number) are written as the nearest one below.
_LEVELS = ((50, "CRITICAL"), (40, "ERROR"), (30, "WARNING"), (20, "INFO"), (0, "DEBUG"))


class Sink:
    """Writes each line that its actor's level lets through; `levels` None: loguru's handler has the only level."""

    def __init__(
        self,
        encode: log_lines.Encoder,
        stream: TextIO | None = None,
        *,
        levels: ActorLevels | None = None,
        addresses: bool = True,
    ) -> None:
        self.encode = encode
        self.levels = levels
        self.output = LineOutput(stream, self._dropped)
        self._addresses = addresses
        #: Lines lost since the start because the disk was full, or because they came from within a line.
        self.lost = 0
        #: Identity of the thread that is writing, 0 when none is.
        self.writer = 0
        self._second = -1
        self._second_text = ""

    def __call__(self, message: Message) -> None:
        # A worker must not fail for want of a log: a closed pipe or a full disk loses the line.
        self.writer = threading.get_ident()
        lines: list[str] = []
        try:
            lines = self._lines(message.record)
            self.output.write_all(lines)
        except Exception:
            self.lost += max(1, len(lines))
        finally:
            self.writer = 0

    def is_reentered(self) -> bool:
        """Whether this thread is writing a line already: it was interrupted by a signal handler or `__del__`.

        loguru refuses such a line with a page of traceback that shows its fields; the line is given up instead.
        """
        if self.writer != threading.get_ident():
            return False
        self.lost += 1
        return True

    def _lines(self, record: Record) -> list[str]:
        """The lines of a record, one or many, as far as the levels of their actors let them through."""
        line, each = self.fields(record), record["extra"].get(EACH)
        lines = [line] if each is None else [self._one_of_many(line, fields) for fields in each]
        if self.levels is not None:
            level = record["level"].no
            lines = [one for one in lines if level >= self.levels.of(one.get("actor"))]
        return [self.encode(one) for one in lines]

    def _one_of_many(self, line: Mapping[str, object], fields: Mapping[str, object]) -> dict[str, object]:
        one = {**line, **fields}
        if isinstance(at_s := fields.get("at"), float):
            one["at"] = self._at(at_s)
        return one

    def fields(self, record: Record) -> dict[str, object]:
        """The line as a mapping, in the order in which it is written (`docs/logs.md`)."""
        extra = {name: value for name, value in record["extra"].items() if name != EACH}
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
            _add_extra(line, masked_fields(extra, addresses=self._addresses), event)
        if text != event:
            line["message"] = masked_fields({"message": text}, addresses=self._addresses)["message"]
        error = record["exception"]
        if error is not None and error.value is not None:
            line.update(masked_fields(log_lines.error_fields(error.value), addresses=self._addresses))
        return line

    def _at(self, seconds: float) -> str:
        # strftime costs more than the whole rest of a line's head; its text changes once a second.
        whole, part = divmod(int(seconds * 1000), 1000)
        if whole != self._second:
            self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
            self._second = whole
        return f"{self._second_text}.{part:03d}Z"

    def _dropped(self, lines: int) -> str:
        """The line that says that lines are missing before it."""
        head = {"at": self._at(time.time()), "level": "WARNING", "event": "log_lines_dropped"}
        return self.encode({**head, "logger": __name__, "pid": os.getpid(), "dropped": lines})


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
