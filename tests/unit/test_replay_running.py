"""Pieces of work side by side: all are done, no more at once than asked, and an interrupt keeps what is over."""

from __future__ import annotations

import threading

import pytest

from messaging.replay.running import run_all


def test_every_piece_is_done_and_keeps_its_place() -> None:
    finished = run_all(range(20), lambda number: number * 2, concurrency=3, stopping=threading.Event())

    assert [finished.results[place] for place in range(20)] == [number * 2 for number in range(20)]
    assert finished.cut_short is None


def test_as_many_pieces_as_asked_for_are_under_way_at_once() -> None:
    together = threading.Barrier(3, timeout=30)

    finished = run_all(range(6), lambda _: together.wait() >= 0, concurrency=3, stopping=threading.Event())

    assert len(finished.results) == 6


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), SystemExit(143)])
def test_an_interrupt_keeps_what_is_over_and_waits_for_nobody(interrupt: BaseException) -> None:
    stopping, hangs = threading.Event(), threading.Event()

    def work(number: int) -> int:
        if number > 1:
            hangs.wait(60)
        return number

    def interrupted(_result: int, done: int) -> None:
        if done == 2:
            raise interrupt

    finished = run_all(range(50), work, concurrency=2, stopping=stopping, on_done=interrupted)

    hangs.set()
    assert finished.results == {0: 0, 1: 1}
    assert finished.cut_short is interrupt
    assert stopping.is_set()


def test_nothing_to_do_is_done_at_once() -> None:
    nothing: list[int] = []

    finished = run_all(nothing, lambda number: number, concurrency=3, stopping=threading.Event())

    assert finished.results == {}
