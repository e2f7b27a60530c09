"""Which trace contexts are carried on, and which are dropped as unreadable (https://www.w3.org/TR/trace-context/)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.trace_context import LONGEST_TRACEPARENT, LONGEST_TRACESTATE, TraceContext, parse, valid_parent, valid_state

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN_ID = "00f067aa0ba902b7"
PARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"


def test_traceparent_is_read_and_written_as_it_came() -> None:
    found = parse(PARENT, "vendor=value")

    assert found == TraceContext(TRACE_ID, SPAN_ID, sampled=True, state="vendor=value")
    assert found is not None
    assert found.traceparent == PARENT


def test_other_flags_than_sampled_say_nothing() -> None:
    assert parse(f"00-{TRACE_ID}-{SPAN_ID}-02") == TraceContext(TRACE_ID, SPAN_ID, sampled=False)
    assert parse(f"00-{TRACE_ID}-{SPAN_ID}-03") == TraceContext(TRACE_ID, SPAN_ID, sampled=True)


def test_version_to_come_may_say_more() -> None:
    assert parse(f"cc-{TRACE_ID}-{SPAN_ID}-01-what-the-future-holds") == TraceContext(TRACE_ID, SPAN_ID, sampled=True)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(None, id="none"),
        pytest.param(17, id="a number"),
        pytest.param("", id="empty"),
        pytest.param(PARENT[:-1], id="cut short"),
        pytest.param(PARENT + "-more", id="version 00 with more"),
        pytest.param(f"ff-{TRACE_ID}-{SPAN_ID}-01", id="the forbidden version"),
        pytest.param(f"00-{'0' * 32}-{SPAN_ID}-01", id="no trace"),
        pytest.param(f"00-{TRACE_ID}-{'0' * 16}-01", id="no span"),
        pytest.param(PARENT.upper(), id="upper case"),
        pytest.param(PARENT + "\n", id="a newline behind it"),
        pytest.param(f"cc-{TRACE_ID}-{SPAN_ID}-01-{'x' * LONGEST_TRACEPARENT}", id="endless"),
        pytest.param(f"cc-{TRACE_ID}-{SPAN_ID}-01-\u202e", id="a bidirectional override"),
        pytest.param(f"00-{TRACE_ID[:-1]}\u0660-{SPAN_ID}-01", id="a digit of another script"),
    ],
)
def test_what_is_no_traceparent_is_dropped(given: object) -> None:
    assert parse(given) is None
    assert valid_parent(given) is None


@pytest.mark.parametrize("given", ["a=1", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "tenant@system=1", "a=1, b=2"])
def test_tracestate_is_carried_as_it_came(given: str) -> None:
    assert valid_state(given) == given


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("", id="empty"),
        pytest.param(",", id="no member"),
        pytest.param("noequals", id="no value"),
        pytest.param("A=1", id="upper case key"),
        pytest.param("a=\n", id="a newline"),
        pytest.param("a=" + "b" * LONGEST_TRACESTATE, id="too long"),
        pytest.param(",".join(f"k{number}=v" for number in range(33)), id="too many members"),
        pytest.param(["a=1"], id="a list"),
    ],
)
def test_what_is_no_tracestate_is_left_out_and_the_parent_kept(given: object) -> None:
    assert parse(PARENT, given) == TraceContext(TRACE_ID, SPAN_ID, sampled=True)


@given(st.text(max_size=300), st.text(max_size=600))
def test_whatever_is_carried_is_one_printable_line(parent: str, state: str) -> None:
    carried = [valid_parent(parent) or "", valid_state(state) or ""]

    assert all(text.isascii() and text.isprintable() for text in carried)


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_written_context_reads_as_itself(trace: int, span: int, sampled: bool) -> None:
    context = TraceContext(f"{trace:032x}", f"{span:016x}", sampled)

    assert parse(context.traceparent) == context
