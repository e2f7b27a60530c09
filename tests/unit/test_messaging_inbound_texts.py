"""SMS and LinkedIn messages in: a line becomes a message, or one reason why it does not."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from messaging.formats import Channel
from messaging.inbound_texts import LINE_BYTES, InboundText, iterate_lines, parse_line, recipient_at
from policy.errors import LineUnreadable

SMS: dict[str, Any] = {"channel": "sms", "id": "SM1", "from": "+4915112345678", "text": "Hi"}


def line(**changes: Any) -> bytes:
    """A line with these fields changed; those that are `...` left out."""
    fields = {name.rstrip("_"): value for name, value in {**SMS, **changes}.items() if value is not ...}
    return json.dumps(fields).encode()


def test_a_whole_line_is_a_whole_message() -> None:
    given = line(to="+4930999", name="Ada\nLovelace", thread="th-1", sent_at="2026-03-02T11:00:00+01:00", text=" Hi\n")

    message = parse_line(given)

    assert message == InboundText(
        Channel.SMS,
        "SM1",
        "+4915112345678",
        "Ada Lovelace",
        "Hi",
        recipient="+4930999",
        thread="th-1",
        sent_at=datetime(2026, 3, 2, 10, tzinfo=timezone.utc),
    )
    assert message.identity == "sms:SM1"


def test_what_is_not_needed_may_be_missing_or_null() -> None:
    messages = [parse_line(line()), parse_line(line(to=None, name=None, thread=None, sent_at=None))]

    assert messages[0] == messages[1]
    assert (messages[0].recipient, messages[0].thread, messages[0].sent_at) == (None, None, None)


def test_a_members_name_is_an_address_that_no_phone_or_mailbox_has() -> None:
    message = parse_line(line(channel="linkedin", from_="urn:li:person:ada"))

    assert message.lead_address == "linkedin:urn:li:person:ada"
    assert recipient_at(Channel.LINKEDIN, message.lead_address) == "urn:li:person:ada"
    assert recipient_at(Channel.SMS, parse_line(line()).lead_address) == "+4915112345678"


def test_what_no_row_can_hold_is_left_out_of_the_text() -> None:
    assert parse_line(line(text="a\x00b\ud83dc\n\td")).body == "abc\n\td"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "not a JSON object"),
        (line(nmae="Ada"), "no field is called 'nmae'"),
        (line(id=...), "no `id`"),
        (line(text=None), "no `text`"),
        (line(channel="email"), "mail comes as a mailbox"),
        (line(channel=["sms"]), "`channel`"),
        (line(from_="0151 12345678"), "`from` is not a telephone number"),
        (line(from_="+0151"), "`from` is not a telephone number"),
        (line(from_=4915112345678), "`from` is not a telephone number"),
        (line(channel="linkedin", from_="a b"), "`from` is not a name"),
        (line(id="a\nb"), "`id` is not a name"),
        (line(id="x" * 201), "`id` is not a name"),
        (line(to="\u00fc"), "`to` is not a name"),
        (line(text=7), "`text` is not a text"),
        (line(name=[]), "`name` is not a text"),
        (line(sent_at="yesterday"), "`sent_at`"),
        (line(sent_at="2026-03-02T10:00:00"), "`sent_at`"),
        (line(sent_at=1_772_000_000), "`sent_at`"),
        (line(text="x" * LINE_BYTES), "larger than"),
    ],
)
def test_a_malformed_line_has_one_reason(given: bytes, reason: str) -> None:
    with pytest.raises(LineUnreadable, match=reason) as refused:
        parse_line(given)

    assert "\n" not in str(refused.value)


def test_lines_keep_their_numbers_past_blank_and_endless_ones(tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + b"{}\n\n  \r\n" + b"x" * (3 * LINE_BYTES) + b"\nlast")

    found = list(iterate_lines(file))

    assert [number for number, _ in found] == [1, 4, 5]
    assert (found[0][1], len(found[1][1]), found[2][1]) == (b"{}\n", LINE_BYTES + 1, b"last")
