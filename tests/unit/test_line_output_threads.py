"""Lines that wait for a thread which cannot start, or dies: they go on, in their order, and none is lost unsaid."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from middleware.line_output import LineOutput
from tests.unit.stalling_pipe import DEADLINE_S, Framed, Pipe, numbered, output_on, until


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


@pytest.fixture
def without_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """No thread can be started, until it is undone."""

    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refused)
        yield patch


def test_lines_go_on_in_their_order_after_a_thread_that_could_not_start(
    pipe: Pipe, without_threads: pytest.MonkeyPatch
) -> None:
    output = output_on(pipe.written)
    lines = numbered(1_000)

    for line in lines:
        output.write(line)
    without_threads.undo()
    output.write("the last\n")

    assert pipe.read("the last\n").splitlines() == [*(line.rstrip("\n") for line in lines), "the last"]


def test_reader_that_goes_on_needs_no_thread(pipe: Pipe, without_threads: pytest.MonkeyPatch) -> None:
    output = output_on(pipe.written)
    lines = numbered(1_000)
    for line in lines:
        output.write(line)

    came = pipe.read("000600")
    output.write("the last\n")
    came += pipe.read("the last\n")

    assert came.splitlines() == [*(line.rstrip("\n") for line in lines), "the last"]
    assert output.flush(DEADLINE_S) == b""


def test_lines_that_no_thread_hands_over_are_given_back(pipe: Pipe, without_threads: pytest.MonkeyPatch) -> None:
    output = output_on(pipe.written)
    for line in numbered(1_000):
        output.write(line)

    assert output.flush(0.01).endswith(numbered(1_000)[-1].encode())


class Broken(Framed):
    """A pipe whose write fails once the reader has stalled, otherwise than a pipe does."""

    def write(self, text: str) -> None:
        if threading.current_thread().name == "log-lines":
            raise MemoryError
        super().write(text)


def test_whatever_a_write_raises_while_lines_wait_is_counted_and_ends_nothing(pipe: Pipe) -> None:
    output = output_on(Broken(pipe))
    lines = numbered(2_000)
    for line in lines:
        output.write(line)

    until(lambda: output.dropped > 0 and not output._waiting)
    pipe.read(f"{2_000 - output.dropped - 1:06}")
    output.write("the last\n")

    assert pipe.read("the last\n").endswith("the last\n")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_thread_that_dies_is_followed_by_another(pipe: Pipe) -> None:
    tellings = 0

    def told(dropped: int) -> str:
        nonlocal tellings
        tellings += 1
        if tellings == 1:
            raise LookupError
        return f"dropped {dropped}\n"

    output = LineOutput(pipe.written, told, kept_bytes=10_000)
    for line in numbered(3_000):
        output.write(line)
    pipe.read("000600")
    until(lambda: not output._handing_over)
    for thread in threading.enumerate():  # its death is told as it ends: in this test, not in the next one
        if thread.name == "log-lines":
            thread.join(DEADLINE_S)

    output.write("the last\n")

    assert pipe.read("the last\n").endswith("the last\n")
