"""The sample: the same for the same seed and day, all of it in the past, every awkward kind there."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta, timezone

import pytest

from messaging.sample_data.people import Person
from messaging.sample_data.threads import EXCHANGES, SampleThread, invent_threads
from messaging.sample_data.wording import worded, working_day

TODAY = date(2026, 3, 4)
MIDNIGHT = datetime(2026, 3, 4, tzinfo=timezone.utc)


def sample(*, seed: int = 0, count: int = 120, today: date = TODAY) -> list[SampleThread]:
    return invent_threads("sample", seed=seed, count=count, today=today)


def test_the_same_seed_and_day_give_the_same_threads() -> None:
    assert sample() == sample()


def test_another_seed_gives_other_leads() -> None:
    one, other = sample(), sample(seed=1)

    assert {thread.lead_id for thread in one} & {thread.lead_id for thread in other} == set()
    assert {thread.address for thread in one} & {thread.address for thread in other} == set()


def test_a_longer_sample_begins_with_the_shorter_one() -> None:
    assert sample(count=80)[:60] == sample(count=60)


def test_sixty_threads_have_every_kind() -> None:
    assert {thread.kind for thread in sample(count=60)} == {exchange.kind for exchange in EXCHANGES}


def test_every_message_is_past_and_within_a_year_in_order() -> None:
    for thread in sample():
        times = [message.sent_at for message in thread.messages]
        assert times == sorted(times)
        assert MIDNIGHT - timedelta(days=366) < times[0] <= times[-1] < MIDNIGHT


def test_a_good_part_ended_within_thirty_days() -> None:
    recent = [thread for thread in sample() if thread.messages[-1].sent_at > MIDNIGHT - timedelta(days=30)]

    assert len(recent) >= 60


def test_all_channels_occur_and_only_mail_has_subjects_and_message_ids() -> None:
    threads = sample()

    assert min(Counter(thread.channel for thread in threads)[name] for name in ("email", "sms", "linkedin")) >= 10
    for thread in threads:
        mails = thread.channel == "email"
        assert all((message.internet_message_id is not None) == mails for message in thread.messages)


def test_only_an_unanswered_lead_message_that_may_be_answered_is_open() -> None:
    for thread in sample():
        *_, last = thread.messages
        waits = last.inbound and last.never_answer is None and thread.opted_out_at is None
        assert [message.open for message in thread.messages] == [False] * (len(thread.messages) - 1) + [waits]


def test_nothing_is_left_unfilled_in_what_we_wrote() -> None:
    for thread in sample():
        assert [one.body for one in thread.messages if not one.inbound and {"{", "}"} & set(one.body)] == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("{in_1_days}", "Monday, March 9", id="over a weekend"),
        pytest.param("{offered_2_days}", "Wednesday, March 4", id="from the message before"),
        pytest.param("{wrong_1_days}", "Tuesday, March 9", id="a weekday that is not that day's"),
        pytest.param("{ago_6_days}", "Saturday, February 28", id="a day that is over"),
    ],
)
def test_days_are_named(words: str, expected: str) -> None:
    person = Person("Ada", "Quist", "Canal Ice", 1)

    assert worded(words, person, date(2026, 3, 6), date(2026, 3, 2)) == expected


@pytest.mark.parametrize("words", ["{in_days}", "{in_two_days}", "{nobody}", "{later_2_days}"])
def test_a_word_that_nobody_defined_is_an_error(words: str) -> None:
    with pytest.raises(KeyError):
        worded(words, Person("Ada", "Quist", "Canal Ice", 1), TODAY, TODAY)


def test_working_days_skip_the_weekend() -> None:
    assert working_day(date(2026, 3, 6), 3) == date(2026, 3, 11)
