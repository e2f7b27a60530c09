"""Lines to a reader that stalls: nobody waits, the oldest are dropped and counted where there is no room for all."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator

import pytest

from middleware.line_output import AT_ONCE_BYTES, LineOutput
from tests.unit.stalling_pipe import DEADLINE_S, Framed, Pipe, numbered, output_on

#: More than a pipe takes.
PIPE_BYTES = 65_536


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def test_line_is_in_the_pipe_when_write_returns(pipe: Pipe) -> None:
    output_on(pipe.written).write("one\n")

    assert pipe.read("one\n") == "one\n"


@pytest.mark.parametrize("framed", [False, True], ids=["a text stream", "a framed pipe"])
def test_stalled_reader_makes_nobody_wait_and_gets_all_lines_in_order_later(pipe: Pipe, framed: bool) -> None:
    output = output_on(Framed(pipe) if framed else pipe.written)
    lines = numbered(2_000)

    for line in lines:  # would never return if one of them waited
        output.write(line)
    came = pipe.read("001999")

    assert came.splitlines() == [line.rstrip("\n") for line in lines][: len(came.splitlines())]
    assert output.dropped == 0
    assert output.flush(DEADLINE_S) == b""


def test_past_its_bound_the_oldest_lines_go_and_their_number_is_told(pipe: Pipe) -> None:
    output = output_on(pipe.written, kept_bytes=10_000)
    lines = numbered(3_000)

    for line in lines:
        output.write(line)
    came = pipe.read("002999").splitlines()

    told = [line for line in came if line.startswith("dropped ")]
    assert output.dropped > 0
    assert sum(int(line.split()[1]) for line in told) == output.dropped
    assert len(came) - len(told) + output.dropped == 3_000
    assert came[-1].startswith("002999")
    assert output._waiting_bytes == 0


def test_line_longer_than_what_goes_at_once_arrives_whole_and_in_its_place(pipe: Pipe) -> None:
    output = output_on(pipe.written)
    long = "y" * (AT_ONCE_BYTES * 5) + "\n"

    output.write("before\n")
    output.write(long)
    output.write("after\n")

    assert pipe.read("after\n") == f"before\n{long}after\n"


def test_many_lines_are_written_in_pieces_that_go_at_once() -> None:
    pieces: list[str] = []
    output = LineOutput(None, str)
    output.write = pieces.append  # type: ignore[method-assign,assignment]
    lines = [*numbered(100), "é" * 3_000 + "\n", *numbered(2)]

    output.write_all(lines)

    assert "".join(pieces) == "".join(lines)
    assert all(len(piece.encode()) <= AT_ONCE_BYTES or piece.count("\n") == 1 for piece in pieces)
    assert len(pieces) < 10


def test_reader_that_has_gone_is_an_error_for_the_writer_to_count(pipe: Pipe) -> None:
    output = output_on(pipe.written)
    pipe.close_reader()

    with pytest.raises(BrokenPipeError):
        output.write("nobody\n")


def test_reader_that_goes_while_lines_wait_ends_the_waiting(pipe: Pipe) -> None:
    output = output_on(pipe.written)
    for line in numbered(2_000):
        output.write(line)

    pipe.close_reader()

    assert output.flush(DEADLINE_S) == b""
    assert output.dropped > 0


def test_what_a_reader_does_not_take_in_time_is_given_back(pipe: Pipe) -> None:
    output = output_on(pipe.written)
    for line in numbered(2_000):
        output.write(line)

    left = output.flush(0.1)

    assert left.endswith(numbered(2_000)[-1].encode())
    assert len(left) > 2_000 * 100 - PIPE_BYTES - 2 * AT_ONCE_BYTES


def test_forked_child_does_not_write_what_waits_in_its_parent(pipe: Pipe) -> None:
    output = output_on(pipe.written)
    for line in numbered(2_000):
        output.write(line)

    output.begin_anew()

    assert output.flush(DEADLINE_S) == b""


def test_writing_from_within_a_write_does_not_lock_up() -> None:
    lines: list[str] = []

    class Interrupted(io.StringIO):
        def write(self, text: str) -> int:
            if text == "outer\n":
                output.write("inner\n")  # as a signal handler would
            lines.append(text)
            return len(text)

    output = output_on(Interrupted())

    output.write("outer\n")

    assert lines == ["inner\n", "outer\n"]


def test_many_threads_write_whole_lines(pipe: Pipe) -> None:
    output = output_on(pipe.written)

    def write(name: str) -> None:
        for number in range(300):
            output.write(f"{name} {number} {'z' * 200}\n")

    threads = [threading.Thread(target=write, args=(f"t{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    came = ""
    while came.count("\n") < 2_400:
        came += pipe.read("\n")
    for thread in threads:
        thread.join()

    assert sorted(came.splitlines()) == sorted(f"t{t} {n} {'z' * 200}" for t in range(8) for n in range(300))
