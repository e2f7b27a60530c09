"""Turns: nobody starves, however much somebody else has waiting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from policy.turns import in_turn, take_per_client

lines = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.integers(0, 20), max_size=12)
rooms = st.integers(-1, 60)


def jobs_of(counts: dict[str, int]) -> dict[str, list[tuple[str, int]]]:
    return {client: [(client, place) for place in range(count)] for client, count in counts.items()}


def test_clients_are_served_in_turn_each_in_its_own_order() -> None:
    waiting = {"big": ["b1", "b2", "b3"], "small": ["s1"], "other": ["o1", "o2"]}

    assert in_turn(waiting, 5) == ["b1", "s1", "o1", "b2", "o2"]


def test_the_turn_goes_on_behind_the_client_served_last() -> None:
    waiting = {"a": ["a1"], "b": ["b1"], "c": ["c1"]}

    assert in_turn(waiting, 2, after="b") == ["c1", "a1"]
    assert in_turn(waiting, 2, after="unknown") == ["a1", "b1"]


def test_a_job_may_be_any_value() -> None:
    waiting: dict[str, list[object]] = {"a": [None, 0], "b": [""]}

    assert in_turn(waiting, 9) == [None, "", 0]


@given(lines, rooms)
def test_room_is_never_exceeded_and_always_used(counts: dict[str, int], room: int) -> None:
    taken = in_turn(jobs_of(counts), room)

    assert len(taken) == max(0, min(room, sum(counts.values())))
    assert len(set(taken)) == len(taken)


@given(lines, rooms)
def test_no_client_gets_a_second_job_more_than_one_that_still_waits(counts: dict[str, int], room: int) -> None:
    served = Counter(client for client, _ in in_turn(jobs_of(counts), room))

    unsatisfied = [served[client] for client, count in counts.items() if served[client] < count]

    assert not unsatisfied or max(served.values(), default=0) <= min(unsatisfied) + 1


def rounds_of(counts: dict[str, int], room: int) -> Iterator[list[tuple[str, int]]]:
    waiting, last = jobs_of(counts), None
    while any(waiting.values()):
        taken = in_turn(waiting, room, after=last)
        last = taken[-1][0]
        waiting = {client: [job for job in line if job not in taken] for client, line in waiting.items()}
        yield taken


@given(lines, st.integers(1, 5))
def test_with_less_room_than_clients_all_are_served_within_one_cycle(counts: dict[str, int], room: int) -> None:
    clients = {client for client, count in counts.items() if count}
    cycle = -(-len(clients) // room)

    served = {client for taken in list(rounds_of(counts, room))[:cycle] for client, _ in taken}

    assert served == clients


@given(st.integers(-5, 10_000), st.integers(-5, 500))
def test_enough_is_read_of_each_client_to_fill_the_room_and_no_more(room: int, clients: int) -> None:
    per_client = take_per_client(room, clients)

    if room > 0 and clients > 0:
        assert (per_client - 1) * clients < room <= per_client * clients
    else:
        assert per_client == 0
