"""Derived ids and keys: fixed shapes, the same everywhere."""

from __future__ import annotations

from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.keys import (
    background_ids,
    check_dispatch_key,
    follow_up_key,
    internet_message_id,
    job_id_of,
    new_job_id,
    redis_id,
    reply_effect_key,
    run_key,
)

JOB = UUID("0190163d-8694-739b-aea5-966c26f8ad91")
ten_bytes = st.binary(min_size=10, max_size=10)


@given(st.uuids())
def test_a_message_id_that_is_a_uuid_is_the_job_id(uuid: UUID) -> None:
    assert job_id_of(str(uuid)) == uuid


@pytest.mark.parametrize(
    "message_id",
    ["import-7", "", "\ud800", str(JOB).upper(), JOB.hex, f"urn:uuid:{JOB}"],
    ids=["a name", "empty", "a lone surrogate", "upper case", "no dashes", "a URN"],
)
def test_a_foreign_message_id_has_a_job_id_of_its_own(message_id: str) -> None:
    job_id = job_id_of(message_id)

    assert job_id == job_id_of(message_id)
    assert job_id.version == 5
    assert job_id != JOB


@given(st.text(max_size=8), st.text(max_size=8))
def test_two_message_ids_never_share_a_job(message_id: str, other: str) -> None:
    assert (job_id_of(message_id) == job_id_of(other)) == (message_id == other)


@given(st.integers(0, 2**48 - 1), ten_bytes)
def test_a_new_job_id_is_a_uuid_of_version_7_with_its_time(now_ms: int, rand: bytes) -> None:
    job_id = new_job_id(now_ms, rand)

    assert job_id.variant == "specified in RFC 4122"
    assert job_id.version == 7
    assert job_id.int >> 80 == now_ms


@given(st.integers(0, 2**48 - 2), ten_bytes, ten_bytes)
def test_job_ids_sort_by_age(now_ms: int, rand: bytes, later: bytes) -> None:
    assert new_job_id(now_ms, rand) < new_job_id(now_ms + 1, later)


def test_every_random_bit_of_a_job_id_counts() -> None:
    ids = {new_job_id(0, (1 << bit).to_bytes(10, "big")) for bit in range(80)}

    assert len(ids) == 74 + 1  # six bits are not used: those ids are the all-zero one


def test_a_job_id_refuses_too_little_randomness_and_impossible_times() -> None:
    with pytest.raises(ValueError, match="10 bytes"):
        new_job_id(0, b"short")
    with pytest.raises(ValueError, match="48 bits"):
        new_job_id(2**48, bytes(10))


def test_derived_keys_have_their_fixed_shapes() -> None:
    assert run_key("send_reply", JOB, 3) == f"send_reply:{JOB}:3"
    assert follow_up_key(JOB, 2, "pipe") == f"follow-up:{JOB}:2:pipe"
    assert reply_effect_key("m1", 0) == "reply:m1:0"


def test_a_redis_id_is_fixed_by_job_and_release() -> None:
    assert redis_id(JOB, 1) == redis_id(str(JOB), 1) == "46555daa-a0ce-5f9f-ab73-aa4e4f162462"
    assert redis_id(JOB, 2) != redis_id(JOB, 1)


@given(st.uuids(), st.integers(0, 2**31))
def test_a_redis_id_is_the_uuid5_of_job_and_release(job_id: UUID, release: int) -> None:
    assert redis_id(job_id, release) == str(uuid5(job_id, f"release:{release}"))


def test_a_message_id_header_is_fixed_by_the_effect_key() -> None:
    header = internet_message_id("reply:m1:0", "mail.example")

    assert header == "<8ec4c93b3223a38c794e2aa6@mail.example>"
    assert header != internet_message_id("reply:m1:1", "mail.example")


@pytest.mark.parametrize("domain", ["", "a b", "a@b", "a>b", "a\r\nBcc: x"])
def test_a_domain_that_would_break_the_header_is_refused(domain: str) -> None:
    with pytest.raises(ValueError, match="domain"):
        internet_message_id("reply:m1:0", domain)


@pytest.mark.parametrize("key", ["k", "reply:1:0", "Grüße 🎭", "x" * 512], ids=["short", "usual", "unicode", "longest"])
def test_a_proper_dispatch_key_is_returned_as_it_is(key: str) -> None:
    assert check_dispatch_key(key) == key


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        ("", "empty"),
        ("a\0b", "control"),
        ("a\nb", "control"),
        ("a\x85b", "control"),
        ("a\ud800", "lone surrogates"),
        ("x" * 513, "512 bytes, not 513"),
        ("ä" * 257, "512 bytes, not 514"),
    ],
    ids=["empty", "NUL", "newline", "C1 control", "surrogate", "too long", "too long in bytes"],
)
def test_an_improper_dispatch_key_is_refused_in_one_line(key: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as refusal:
        check_dispatch_key(key)

    assert "\n" not in str(refusal.value)


def test_the_two_jobs_of_a_window_are_named_from_its_key() -> None:
    ids = background_ids("background-jobs:v1:60:2026-02-17T21:52:00.000Z")

    assert ids.process == "bg-process:6723b379704ec165560966e2"
    assert ids.maintenance == "bg-maint:6723b379704ec165560966e2"
