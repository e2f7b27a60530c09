"""Who is to blame for a lost worker."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.crashes import Blame, HeldJob, blame, given_back_s, hold_up_s

A, B, C = UUID(int=1), UUID(int=2), UUID(int=3)


def job(job_id: UUID, *, fence: int = 1, suspect: bool = False, start_committed: bool = False) -> HeldJob:
    """A job that the lost worker held."""
    return HeldJob(job_id, fence, suspect, start_committed)


@pytest.mark.parametrize(
    ("held", "started", "expected"),
    [
        pytest.param([job(A), job(B)], {}, Blame((), ()), id="nothing had started"),
        pytest.param([job(A), job(B)], {A: 1}, Blame((A,), ()), id="one ran alone"),
        pytest.param([job(A), job(B), job(C)], {A: 1, B: 1}, Blame((), (A, B)), id="several ran together"),
        pytest.param([job(A, fence=2)], {A: 1}, Blame((), ()), id="it had run under an older claim"),
        pytest.param([job(A)], {B: 1}, Blame((), ()), id="what ran is finished by now"),
        pytest.param([], {A: 1}, Blame((), ()), id="nothing was held"),
        pytest.param([job(A), job(B)], None, Blame((), (A, B)), id="no file: all in hand"),
        pytest.param(
            [job(A, suspect=True, start_committed=True), job(B)],
            None,
            Blame((A,), ()),
            id="no file, but a suspect had committed its start",
        ),
        pytest.param(
            [job(A, suspect=True), job(B)], None, Blame((), (A, B)), id="no file, and the suspect had not started"
        ),
        pytest.param(
            [job(A, start_committed=True), job(B)],
            None,
            Blame((), (A, B)),
            id="no file, a start that was said while others ran, too",
        ),
        pytest.param([job(A, suspect=True), job(B)], {A: 1}, Blame((A,), ()), id="a suspect that ran alone"),
        pytest.param([job(A, suspect=True), job(B)], {}, Blame((), ()), id="a suspect that had not started"),
    ],
)
def test_blame(held: list[HeldJob], started: dict[UUID, int] | None, expected: Blame) -> None:
    assert blame(held, started) == expected


@given(
    held=st.lists(
        st.builds(HeldJob, st.sampled_from([A, B, C]), st.integers(1, 2), st.booleans(), st.booleans()),
        unique_by=lambda one: one.id,
    ),
    started=st.none() | st.dictionaries(st.sampled_from([A, B, C]), st.integers(1, 2)),
)
def test_only_held_jobs_are_blamed_and_at_most_one_for_a_report(
    held: list[HeldJob], started: dict[UUID, int] | None
) -> None:
    verdict = blame(held, started)

    blamed = {*verdict.crashed, *verdict.suspects}
    assert blamed <= {one.id for one in held}
    assert not set(verdict.crashed) & set(verdict.suspects)
    assert started is None or len(verdict.crashed) <= 1
    assert started is None or blamed <= set(started)


@pytest.mark.parametrize(("waited_s", "expected_s"), [(0, 3), (30, 3), (100, 10), (6000, 600)])
def test_suspect_holds_others_up_for_seconds_or_a_tenth_of_its_own_waiting(waited_s: float, expected_s: float) -> None:
    assert hold_up_s(waited_s) == pytest.approx(expected_s)


@pytest.mark.parametrize(("waited_s", "expected_s"), [(0, 3), (100, 10), (300, 30), (6000, 30)])
def test_suspect_that_gives_way_is_due_again_within_half_a_minute(waited_s: float, expected_s: float) -> None:
    assert given_back_s(waited_s) == pytest.approx(expected_s)


@given(st.floats(0, 1e6))
def test_jobs_of_any_length_are_waited_out_by_a_suspect_that_has_waited_long_enough(job_s: float) -> None:
    assert hold_up_s(10 * job_s + 1) > job_s
