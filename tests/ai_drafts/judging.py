"""Takes a case down the drafting road and says what is wrong with what came out, a line for each complaint.

The road is `messaging.drafting.write_reply` with the drafter of the settings, as the inbound actor has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from uuid import UUID

from messaging.dispositions import disposition
from messaging.draft_store import InboundMessage
from messaging.drafters import drafter_for
from messaging.drafting import WrittenReply, context_for, request_for, write_reply
from messaging.drafts import Drafter
from messaging.formats import Channel, parts_of
from messaging.model_drafter import ModelDrafter
from messaging.objections import objections
from messaging.opt_out_words import asks_to_opt_out
from policy.settings import Settings
from tests.ai_drafts.case_files import ZONE, DraftCase
from tests.unit.scripted_model import Script, completion, model_api

_NOBODY = UUID(int=0)
#: Characters of a draft that a complaint quotes.
_QUOTED_CHARS = 300


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case: the reply's text, what the guards object to, and how often it was written."""

    text: str
    objections: tuple[str, ...]
    revision: int


def complaints(case: DraftCase, settings: Settings) -> list[str]:
    """What is wrong, each in one line that says what was expected; empty if the case holds."""
    outcome = outcome_of(case, settings)
    said = " ".join(outcome.text.split())[:_QUOTED_CHARS]
    return [f"{case.title}: expected {wish}; the draft says {said!r}" for wish in _unmet(case, outcome)]


def outcome_of(case: DraftCase, settings: Settings) -> Outcome:
    """The case taken down the road. A given reply skips the drafter, and meets the same guards."""
    message = _message(case)
    if case.reply is not None:
        context = context_for(request_for(message, case.offered_times), message.now)
        return Outcome(case.reply, tuple(each.name for each in objections(case.reply, context)), 0)
    with ExitStack() as stack:
        drafter = _dictated(case, settings, stack) if case.model_answers else drafter_for(settings)
        return _told(write_reply(message, drafter, offered_slots=case.offered_times))


def _told(written: WrittenReply) -> Outcome:
    return Outcome(written.draft.body, tuple(each.name for each in written.objections), written.revision)


def _dictated(case: DraftCase, settings: Settings, stack: ExitStack) -> Drafter:
    """The model's drafter of the settings, asking a model on loopback that gives the case's answers in turn."""
    script = Script(body=_reply(case.model_answers[0]))

    def next_answer() -> None:
        script.body = _reply(case.model_answers[min(len(script.asked), len(case.model_answers)) - 1])

    script.meanwhile = next_answer
    base_url = stack.enter_context(model_api(script))
    drafter = drafter_for(replace(settings, llm_base_url=base_url, llm_model="dictated", llm_api_key=None))
    assert isinstance(drafter, ModelDrafter)
    return stack.enter_context(closing(drafter))


def _reply(body: str) -> bytes:
    return completion(json.dumps({"subject": "Re: routes", "body": body}))


def _message(case: DraftCase) -> InboundMessage:
    return InboundMessage(
        id=_NOBODY,
        lead_id=_NOBODY,
        client_id="suite",
        client_name="Brindlemere Routing",
        never_answer=None,
        subject=case.subject,
        body=case.lead_writes,
        sent_at=case.sent,
        lead_name=case.lead,
        timezone=str(ZONE),
        scheduling_links=case.links,
        signature=case.signature,
        delay_min_s=0,
        delay_max_s=0,
        now=case.sent,
        channel=case.channel,
        known_prices=case.prices,
    )


def _unmet(case: DraftCase, outcome: Outcome) -> Iterator[str]:
    """What the case wishes and the outcome does not fulfil, in words."""
    wish, text = case.expected, " ".join(outcome.text.split()).lower()
    if set(outcome.objections) != set(wish.refused_for):
        yield f"{_listed(wish.refused_for)} to be objected to, not {_listed(outcome.objections)}"
    yield from (f"it to say {words!r}" for words in wish.says if " ".join(words.split()).lower() not in text)
    yield from (f"it not to say {words!r}" for words in wish.does_not_say if words.lower() in text)
    if wish.asks is not None and ("?" in text) is not wish.asks:
        yield "it to ask something" if wish.asks else "it to ask nothing"
    if wish.longest is not None and len(outcome.text) > wish.longest:
        yield f"at most {wish.longest} characters, not {len(outcome.text)}"
    if wish.parts is not None and len(parts_of(Channel(case.channel), outcome.text)) > wish.parts:
        yield f"at most {wish.parts} parts, not {len(parts_of(Channel(case.channel), outcome.text))}"
    if wish.written is not None and outcome.revision != wish.written:
        yield f"it to be written {wish.written} times, not {outcome.revision}"
    yield from _misread(case)


def _misread(case: DraftCase) -> Iterator[str]:
    read, opts_out = disposition(case.lead_writes, case.subject).value, asks_to_opt_out(case.lead_writes, case.subject)
    if case.expected.read_as is not None and read != case.expected.read_as:
        yield f"the lead to be read as {case.expected.read_as!r}, not {read!r}"
    if case.expected.opt_out is not None and opts_out is not case.expected.opt_out:
        yield "an opt-out" if case.expected.opt_out else "no opt-out"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names) or "nothing"
