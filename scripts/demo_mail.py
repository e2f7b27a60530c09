"""What the demo puts on the road: a mailbox, twice on purpose, and two planted jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from actors.dispatch import Dispatched, dispatch
from messaging.outcomes import worth_a_look
from models.database import atomic
from scripts.demo_summary import Baseline, baseline
from scripts.ingest import DEFAULT_CLIENT, take_in_mailbox

if TYPE_CHECKING:
    from scripts.mailboxes import Mailbox


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays: the mailbox's lead messages and the planted jobs; `before` is what the counters said before."""

    lead_message_ids: tuple[UUID, ...]
    planted: tuple[UUID, ...]
    dispatched: int
    before: Baseline

    def example(self) -> UUID | None:
        """A lead message whose story is worth a look; None for an empty mailbox."""
        return worth_a_look(self.lead_message_ids)


def mail_in(mailbox: Mailbox) -> Cast:
    """Ingest the mailbox twice and plant the jobs. Needs `setup()`.

    Both ingests share one transaction, so that the second meets every job of the first on its way, and not here and
    there one that is over.
    """
    from actors.demo import demo_flaky, demo_hopeless  # an actor needs the broker that setup() has bound

    with atomic():
        first = take_in_mailbox(mailbox, DEFAULT_CLIENT)
        second = take_in_mailbox(mailbox, DEFAULT_CLIENT)
        before = baseline(first.lead_message_ids)
    planted = [dispatch(actor, source="demo") for actor in (demo_flaky, demo_hopeless)]
    return Cast(
        lead_message_ids=first.lead_message_ids,
        planted=tuple(UUID(answer.job_id) for answer in planted if isinstance(answer, Dispatched)),
        dispatched=first.dispatched + second.dispatched,
        before=before,
    )
