"""SMS and LinkedIn messages for tests: one that came in, its draft, and attempts of the job that sends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker

from actors.broker import setup
from messaging.draft_store import keep_draft, read_inbound
from messaging.drafts import DraftText
from messaging.formats import Channel
from messaging.inbound_texts import InboundText
from messaging.mail_store import store_mails
from messaging.store import make_campaign, make_client
from middleware.configuration import settings_in_force
from middleware.worker_process import WorkerProcess
from models.database import query
from models.ledger.dispatch import Wanted
from models.ledger.finish import finish
from tests.broker_cases import acting, acting_process, held_by_process
from tests.integration.correspondence import CLIENT, SENDER
from tests.ledger_cases import DEDUPE_S, dispatched, retry
from tests.unit.scripted_provider import ScriptedProvider

PHONE = "+4915112345678"
#: Words for three SMS: each of them more than half of what one carries.
THREE_PARTS = " ".join(f"{word} " + "words " * 20 + "end" for word in ("first", "second", "third"))


def text_in(number: int = 1, *, channel: Channel = Channel.SMS, sender: str = PHONE, body: str = "Hi") -> InboundText:
    """What a lead wrote by that channel."""
    return InboundText(channel, f"M{number}", sender, "Ada", body, recipient="+4930999", thread="th-1")


@dataclass(frozen=True, slots=True)
class Texting:
    """A lead that wrote by SMS or LinkedIn, the draft that answers, and the job that sends it."""

    lead_id: UUID
    lead_message_id: UUID
    draft_id: UUID
    job: Wanted

    def attempt(self, process: WorkerProcess, job: Wanted | None = None, *, by_hand: bool = False) -> dict[str, Any]:
        """One attempt of the job; it is due again afterwards, whatever came of it."""
        from actors.families import auto_send  # noqa: PLC0415  # it binds to the broker that setup() makes

        with self.claim(process, job or self.job):
            result: dict[str, Any] = auto_send.fn(str(self.draft_id), lead_id=str(self.lead_id), by_hand=by_hand)
            return result

    @contextmanager
    def claim(self, process: WorkerProcess, job: Wanted) -> Iterator[None]:
        """As inside the actor under a claim of `job`."""
        query("UPDATE background_job SET state = 'queued', release = 1, released_at = now() WHERE id = %s", (job.id,))
        held = held_by_process(process, job)
        try:
            with acting(process, held):
                yield
        finally:
            process.in_hand.remove([held])
            finish(process.holder.id, [retry(held.claim)], dedupe_s=DEDUPE_S)


def texting(content: str = "Hello Ada, which day suits you?", channel: Channel = Channel.SMS) -> Texting:
    """A lead that wrote by that channel, and a draft that answers."""
    make_client(CLIENT, name="Acme", sender_address=SENDER)
    campaign_id = make_campaign(CLIENT, "default", auto_send=True)
    sender = PHONE if channel is Channel.SMS else "urn:li:person:ada"
    stored = store_mails(CLIENT, campaign_id, [text_in(channel=channel, sender=sender)])[0]
    draft = DraftText(subject="", body=content, prompt_key="test", model="test", inputs_digest="0")
    kept = keep_draft(read_inbound(stored.lead_message_id), draft)
    job = dispatched(actor="auto_send", client_id=CLIENT, lead_message_id=str(stored.lead_message_id))
    return Texting(stored.lead_id, stored.lead_message_id, kept.id, job)


def effects(lead_message_id: UUID) -> list[tuple[str, str]]:
    """Part and state of each effect of the reply, by part."""
    rows = query(
        "SELECT split_part(effect_key, ':', 3), state FROM side_effect WHERE effect_key LIKE %s ORDER BY effect_key",
        (f"reply:{lead_message_id}:%",),
    )
    return [(row[0], row[1]) for row in rows]


def outbound(*columns: str) -> Sequence[tuple[Any, ...]]:
    """These columns of the outbound lead messages, in order of their sending."""
    return query(
        f"SELECT {', '.join(columns)} FROM lead_message WHERE direction = 'outbound' ORDER BY sent_at, arrival"
    )


def parts_asked(provider: ScriptedProvider) -> list[int]:
    """The part that each request was about."""
    return [asked.body["part"] for asked in provider.asked]


def sender() -> WorkerProcess:
    """A worker process that may act, with the families bound to a broker."""
    former = dramatiq.broker.global_broker
    setup()
    dramatiq.broker.global_broker = former
    return acting_process(StubBroker())


Serve = Callable[[ScriptedProvider], ScriptedProvider]


@contextmanager
def providing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Gives what makes a provider the one that SMS and LinkedIn messages go to."""
    with ExitStack() as stack:

        def start(provider: ScriptedProvider) -> ScriptedProvider:
            stack.enter_context(provider)
            for channel in ("SMS", "LINKEDIN"):
                monkeypatch.setenv(f"CALLBOARD_{channel}_URL", provider.url)
            settings_in_force.cache_clear()
            return provider

        yield start
    settings_in_force.cache_clear()
