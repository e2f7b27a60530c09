"""Between Dramatiq's messages and rows: whatever a foreign message holds, a copy or a ValueError comes of it."""

from __future__ import annotations

import json
import math
from typing import Any
from uuid import UUID, uuid4

import dramatiq
import pytest
from dramatiq import MessageProxy
from dramatiq.brokers.stub import StubBroker
from hypothesis import given
from hypothesis import strategies as st

from middleware.envelopes import attempts_allowed, copy_of, encode, json_text, released_copy, text, wanted_job
from models.ledger.release import Released
from policy.keys import job_id_of, redis_id

BROKER = StubBroker()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


class Unprintable:
    """A value whose repr raises."""

    def __repr__(self) -> str:
        raise KeyError


def message(message_id: str | None = None, **options: Any) -> dramatiq.Message[Any]:
    """A message with these options."""
    return dramatiq.Message("default", "actor", (), {}, options, message_id or str(uuid4()), 1_700_000_000_000)


def test_plain_send_becomes_a_copy_without_a_release() -> None:
    sent = message(client_id="c1", correlation_id="family", dispatch_key="k")

    copy = copy_of(BROKER, sent, b"raw")

    assert (copy.job_id, copy.release, copy.dispatch_key) == (UUID(sent.message_id), None, "k")
    assert (copy.client_id, copy.correlation_id, copy.payload, copy.source) == ("c1", "family", b"raw", "send")
    assert copy.requested_at.timestamp() == 1_700_000_000


def test_released_copy_is_recognised_by_its_job_and_release() -> None:
    job = wanted_job(BROKER, message(client_id="c1"))

    name, released = released_copy(Released(job.id, 3, "mail", job.payload))
    copy = copy_of(BROKER, released, b"")

    assert name == redis_id(job.id, 3)
    assert (copy.job_id, copy.release, copy.queue) == (job.id, 3, "mail")


@pytest.mark.parametrize("key", [None, "", 7, ["k"], "a\nb", "x" * 600])
def test_key_of_a_plain_send_that_cannot_be_one_falls_back_to_the_jobs_own(key: object) -> None:
    sent = message(dispatch_key=key)

    copy = copy_of(BROKER, sent, b"")

    assert copy.dispatch_key == sent.message_id


def test_message_id_that_is_no_uuid_gives_the_same_job_every_time() -> None:
    sent = message("not a uuid")

    assert copy_of(BROKER, sent, b"").job_id == copy_of(BROKER, sent, b"").job_id == job_id_of("not a uuid")


@given(
    options=st.dictionaries(
        st.sampled_from(
            [
                "dispatch_key",
                "client_id",
                "correlation_id",
                "causation_id",
                "source",
                "job_id",
                "release",
                "max_retries",
            ]
        ),
        JSON,
    ),
    timestamp=JSON,
)
def test_any_options_give_a_copy_or_an_error_that_the_batch_knows(options: dict[str, Any], timestamp: Any) -> None:
    sent = message(**options)._replace(message_timestamp=timestamp)

    try:
        copy = copy_of(BROKER, sent, b"")
    except (ValueError, TypeError, AttributeError, ArithmeticError):
        return

    for stored in (copy.dispatch_key, copy.client_id, copy.correlation_id, copy.causation_id, copy.source):
        if stored is not None:
            assert "\x00" not in stored
            stored.encode()


@pytest.mark.parametrize(
    ("retries", "allowed"),
    [
        *[(0, 1), (4, 5), (-3, 1), (None, None), (2.9, 3), ("4", None), (-math.inf, 1)],
        *[(2**31 - 2, 2**31 - 1), (2**31 - 1, None), (10**12, None), (math.inf, None), (math.nan, None)],
    ],
    ids=str,
)
def test_max_retries_of_a_message_are_the_attempts_allowed_but_one(retries: Any, allowed: int | None) -> None:
    assert attempts_allowed(BROKER, message(max_retries=retries)) == allowed


def test_default_is_five_attempts() -> None:
    assert attempts_allowed(BROKER, message()) == 5


@given(value=JSON)
def test_json_text_is_always_json_that_a_row_takes(value: Any) -> None:
    encoded = json_text(value)

    assert encoded is None or "\\u0000" not in json.dumps(json.loads(encoded)).replace("\\\\", "")
    assert encoded is None or encoded.encode()


@pytest.mark.parametrize("value", [object(), Unprintable(), [Unprintable()], {"n": 10**5000}, {1, 2}, float("nan")])
def test_value_that_json_cannot_carry_stands_there_as_its_repr(value: object) -> None:
    encoded = json_text(value)

    assert encoded is not None
    assert list(json.loads(encoded)) == ["repr"]


def test_text_scrubs_and_caps() -> None:
    assert text("a\x00b\ud800") == "a\N{REPLACEMENT CHARACTER}b?"
    assert text("x" * 1000) == "x" * 512
    assert text(7) == "7"
    assert text(True) is None
    assert text("") is None


class Sealing(dramatiq.JSONEncoder):
    """An application's encoder that changes the mapping which it is given."""

    def encode(self, data: dict[str, Any]) -> bytes:
        data["kwargs"] = {"sealed": True}
        return super().encode(data)


def test_encoder_that_changes_its_mapping_leaves_the_message_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dramatiq.message.global_encoder", Sealing())
    one = message()._replace(kwargs={"lead_id": "l1"})

    job = wanted_job(BROKER, one)

    assert b'"sealed"' in job.payload
    assert (one.kwargs, job.lead_id) == ({"lead_id": "l1"}, "l1")


def test_proxy_is_encoded_as_its_message() -> None:
    one = message()

    assert encode(MessageProxy(one)) == encode(one)  # type: ignore[arg-type]  # hooks hand proxies on
