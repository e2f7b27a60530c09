"""The quick encoder gives what Dramatiq's own gives, for everything that a message may carry."""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import Enum
from typing import Any
from uuid import UUID

import dramatiq
import pytest
from dramatiq import JSONEncoder, Message, PickleEncoder
from dramatiq.errors import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from middleware import envelope_encoder
from middleware.envelope_encoder import QuickJSONEncoder

QUICK, OWN = QuickJSONEncoder(), JSONEncoder()

texts = st.text(st.characters(exclude_categories=()))  # lone surrogates too
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
envelopes = st.fixed_dictionaries(
    {
        "queue_name": texts,
        "actor_name": texts,
        "args": st.lists(values, max_size=3).map(tuple),
        "kwargs": st.dictionaries(texts, values, max_size=3),
        "options": st.dictionaries(texts, values, max_size=3),
        "message_id": texts,
        "message_timestamp": st.integers(0, 2**53),
    }
)


class Colour(Enum):
    RED = 1


def same(one: Any, other: Any) -> bool:
    """Equal in type, too, down to a float that is no number."""
    if isinstance(one, dict):
        return isinstance(other, dict) and list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and math.isnan(one):
        return isinstance(other, float) and math.isnan(other)
    return type(one) is type(other) and bool(one == other)


@given(envelopes)
def test_each_reads_what_the_other_wrote(fields: dict[str, Any]) -> None:
    wanted = OWN.decode(OWN.encode(fields))

    assert same(QUICK.decode(QUICK.encode(fields)), wanted)
    assert same(QUICK.decode(OWN.encode(fields)), wanted)
    assert same(OWN.decode(QUICK.encode(fields)), wanted)


@pytest.mark.parametrize(
    "argument",
    [
        pytest.param(UUID(int=1), id="an id"),
        pytest.param(Colour.RED, id="an enumeration"),
        pytest.param(object(), id="an object"),
        pytest.param(b"bytes", id="bytes"),
        pytest.param([UUID(int=1)], id="an id in a list"),
        pytest.param({"key": {Colour.RED}}, id="a set in a mapping"),
    ],
)
def test_what_json_refuses_is_refused(argument: object) -> None:
    with pytest.raises(TypeError):
        QUICK.encode(Message("q", "a", (argument,), {}, {}).asdict())
    with pytest.raises(TypeError):
        QUICK.encode(Message("q", "a", (), {"argument": argument}, {}).asdict())


@pytest.mark.parametrize(("field", "value"), [("message_id", UUID(int=1)), ("message_timestamp", UUID(int=1))])
def test_what_json_refuses_is_refused_at_the_top_too(field: str, value: object) -> None:
    with pytest.raises(TypeError):
        QUICK.encode({**Message("q", "a", (), {}, {}).asdict(), field: value})


def test_long_timestamp_stays_a_whole_number() -> None:
    data = OWN.encode({**Message("q", "a", (), {}, {}).asdict(), "message_timestamp": 2**64})

    assert QUICK.decode(data)["message_timestamp"] == 2**64


@pytest.mark.parametrize("data", [b"", b"\xff", b"{", b"nonsense"])
def test_what_is_no_json_is_named(data: bytes) -> None:
    with pytest.raises(DecodeError):
        QUICK.decode(data)


@pytest.mark.parametrize("data", [b"[]", b"null", b'{"args": 1, "kwargs": [], "options": null}', b'{"args": []}'])
def test_what_is_no_envelope_is_left_to_the_message(data: bytes) -> None:
    assert QUICK.decode(data) == OWN.decode(data)
    with pytest.raises(DecodeError):
        Message.decode(data)


@pytest.fixture
def _encoder_restored() -> Iterator[None]:
    before = dramatiq.get_encoder()
    yield
    dramatiq.set_encoder(before)


@pytest.mark.usefixtures("_encoder_restored")
def test_application_keeps_the_encoder_that_it_has_chosen() -> None:
    chosen = PickleEncoder()
    dramatiq.set_encoder(chosen)
    envelope_encoder.install()
    assert dramatiq.get_encoder() is chosen

    dramatiq.set_encoder(OWN)
    envelope_encoder.install()
    assert isinstance(dramatiq.get_encoder(), QuickJSONEncoder)
