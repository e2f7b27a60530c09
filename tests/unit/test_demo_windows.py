"""The demo's window counts: by status, and those that passed without a row."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from models.readings.windows import WindowRow
from policy.states import WindowStatus
from policy.windows import window_at
from scripts.demo_windows import WindowCounts, counted, windows_line

BEGAN_AT = datetime(2026, 3, 2, 10, 0, 30, tzinfo=timezone.utc)


def row(minutes: int, status: WindowStatus) -> WindowRow:
    """The row of the window that is open so many minutes after the beginning."""
    window = window_at(BEGAN_AT + timedelta(minutes=minutes), 60, "demo")
    return WindowRow(
        dispatch_key=window.dispatch_key,
        source="demo",
        requested_at=window.start,
        window_start=window.start,
        window_seconds=60,
        correlation_id="c",
        status=status.value,
        process_dispatch_id=window.process_dispatch_id,
        maintenance_dispatch_id=window.maintenance_dispatch_id,
        error_message=None,
        missed_before=7,
        created_at=window.start,
        updated_at=window.start,
    )


def test_windows_are_counted_by_how_they_stand() -> None:
    rows = [row(minutes, status) for minutes, status in enumerate(WindowStatus)]

    counts = counted(rows, BEGAN_AT, BEGAN_AT + timedelta(minutes=3), 60)

    assert counts == WindowCounts(enqueued=1, failed=1, inline=1, dispatching=1, missed=0)


def test_only_windows_that_passed_within_the_demo_count_as_missed() -> None:
    rows = [row(2, WindowStatus.ENQUEUED)]

    counts = counted(rows, BEGAN_AT, BEGAN_AT + timedelta(minutes=4), 60)

    assert counts.missed == 2


def test_a_window_that_is_being_dispatched_is_named_only_where_there_is_one() -> None:
    settled = WindowCounts(enqueued=1, failed=0, inline=0, dispatching=0, missed=0)
    unsettled = WindowCounts(enqueued=0, failed=0, inline=0, dispatching=1, missed=0)

    lines = [windows_line(counts, 60) for counts in (settled, unsettled)]

    assert lines == [
        "windows   1 enqueued, 0 failed, 0 inline, 0 missed (of 60 s each)",
        "windows   0 enqueued, 0 failed, 0 inline, 1 dispatching, 0 missed (of 60 s each)",
    ]
