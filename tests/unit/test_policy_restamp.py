"""A requeued envelope is as old as its requeue; nothing else of it changes."""

from __future__ import annotations

import json

import pytest
from dramatiq import Message

from policy.restamp import restamped


def test_time_of_sending_is_the_requeues_and_all_else_stays() -> None:
    sent: Message[object] = Message("default", "actor", ("é", 1.5, None), {"n": 10**30}, {"max_age": 5}, "id", 1)

    again: Message[object] = Message.decode(restamped(sent.encode(), 7_000))

    assert again == sent._replace(message_timestamp=7_000)


def test_envelope_as_dramatiq_writes_it_comes_back_byte_for_byte() -> None:
    sent: Message[object] = Message("default", "actor", ("é",), {}, {}, "id", 1)

    assert restamped(sent.encode(), 1) == sent.encode()


@pytest.mark.parametrize("payload", [b"", b"\x80\x04pickle", b"[1]", b"{}", json.dumps("x").encode()])
def test_bytes_of_another_encoder_stay_as_they_are(payload: bytes) -> None:
    assert restamped(payload, 5) == payload
