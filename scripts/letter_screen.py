"""One dead letter on a screen: its row and the story of its job; the message's arguments only when asked."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from models.ledger.letters import Operator, record_action
from models.readings.chain import gather
from models.readings.identity import Kind, Named
from models.readings.letters import LetterRow, letter_bytes
from scripts.chain_screen import as_object as chain_as_object
from scripts.chain_screen import lines
from scripts.screens import as_json, named_values, plain, screen_width

#: Bytes of an envelope that cannot be decoded, shown at most.
_RAW_BYTES = 2_000
#: Of a Dramatiq envelope, what an operator may ask to see.
_ARGUMENTS = ("args", "kwargs")


def show_letter(letter: LetterRow, *, lease_s: float, shown_to: str | None, as_object: bool) -> None:
    """Print the letter; with its arguments where `shown_to` names an operator, whose look is recorded first."""
    chain = gather(Named(Kind.DEAD_LETTER, str(letter.id)), lease_s=lease_s)
    arguments = _arguments_for(letter, shown_to) if shown_to is not None else None
    if as_object:
        shown = {**plain(letter), "story": plain(chain_as_object(chain))}
        print(as_json(shown if arguments is None else {**shown, "message": arguments}))
        return
    values: dict[str, Any] = {field.name: getattr(letter, field.name) for field in dataclasses.fields(letter)}
    if arguments is None:
        values["arguments"] = "not shown (--show-args shows them, and is recorded)"
    else:
        values |= {name: json.dumps(value, ensure_ascii=False) for name, value in arguments.items()}
    print("\n".join(named_values(values)))
    print()
    print("\n".join(lines(chain, screen_width())))


def _arguments_for(letter: LetterRow, operator: str) -> dict[str, Any]:
    record_action(Operator(operator), "show-args", str(letter.id), "shown")
    data = letter_bytes(letter.id) or b""
    try:
        envelope = json.loads(data)
        return {name: envelope[name] for name in _ARGUMENTS}
    except (ValueError, KeyError, TypeError):  # another encoder's, or no message at all
        return {"bytes": repr(data[:_RAW_BYTES]), "size_bytes": len(data)}
