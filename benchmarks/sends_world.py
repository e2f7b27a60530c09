"""The people of a run of sends: leads who write and write again, and operators who stop, resume and send by hand.

Everything goes the way it goes in earnest: mails are read and ingested, switches thrown under their locks. It must not
know workers, nor who judges.
"""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from actors.inbound import take_in
from actors.manual_send import send_by_hand
from messaging.client_settings import set_campaign, set_client, switch_client
from messaging.draft_store import find_draft
from messaging.inbox import InboundMail, parse_mail
from messaging.lead_wishes import set_opted_out
from messaging.store import make_campaign, make_client
from models.database import query
from models.ledger.operators import Operator
from policy.errors import InvariantRefused

#: Clients of a run; the first two have rates that are used up all the time.
CLIENTS = 20
RATES = {"c00": {"rate": "30/2s"}, "c01": {"lead_rate": "1/5s", "rate": "60/2s"}}
#: Leads whom something may still happen to: the last that wrote.
_RECENT = 400
_BODIES = ("Could you tell me more?", "Can we talk next week?", "What does it cost?", "Sounds good, please go on.")
_OPERATOR = Operator("bench")


@dataclass(frozen=True, slots=True)
class Lead:
    """One who has written: whose lead, and the lead message written last."""

    client_id: str
    address: str
    lead_message_id: UUID


class World:
    """Clients with their leads. Every method may be called from any thread that has a connection."""

    def __init__(self) -> None:
        self.happened: Counter[str] = Counter()
        self._recent: deque[Lead] = deque(maxlen=_RECENT)
        self._campaigns: dict[str, UUID] = {}
        for number in range(CLIENTS):
            client_id = f"c{number:02d}"
            make_client(client_id, name=client_id, sender_address=f"replies@{client_id}.example")
            self._campaigns[client_id] = make_campaign(client_id, "default", auto_send=True)
            if client_id in RATES:
                set_client(client_id, RATES[client_id], _OPERATOR)
        self._events: dict[str, Callable[[random.Random], None]] = {
            "wrote again": self._write_again,
            "asked to stop": lambda dice: self._write(self._lead(dice), "Please remove me from your list."),
            "opted out": self._opt_out,
            "paused": self._pause,
            "campaign off": self._switch_campaign,
            "sent by hand": self._send_by_hand,
        }

    def arrive(self, first: int, many: int, dice: random.Random) -> None:
        """So many new leads write for the first time, each to some client."""
        by_client: dict[str, list[InboundMail]] = {}
        for number in range(first, first + many):
            client_id = f"c{dice.randrange(CLIENTS):02d}"
            by_client.setdefault(client_id, []).append(_mail(f"lead-{number}@prospect.example", dice.choice(_BODIES)))
        for client_id, mails in by_client.items():
            taken = take_in(client_id, self._campaigns[client_id], mails)
            leads = zip(mails, taken.lead_message_ids, strict=True)
            self._recent.extend(Lead(client_id, mail.sender, message_id) for mail, message_id in leads)

    def anything(self, dice: random.Random) -> None:
        """One event of any kind. Raises what the database raises."""
        name = dice.choices(list(self._events), weights=[8, 2, 2, 2, 2, 8])[0]
        self._events[name](dice)
        self.happened[name] += 1

    def settle(self) -> None:
        """All clients and campaigns send again."""
        for client_id in self._campaigns:
            switch_client(client_id, _OPERATOR, paused=False)
            set_campaign(client_id, "default", {"auto_send": True}, _OPERATOR)

    def _lead(self, dice: random.Random) -> Lead:
        return dice.choice(list(self._recent))

    def _write(self, lead: Lead, body: str) -> None:
        taken = take_in(lead.client_id, self._campaigns[lead.client_id], [_mail(lead.address, body)])
        self._recent.append(Lead(lead.client_id, lead.address, taken.lead_message_ids[0]))

    def _write_again(self, dice: random.Random) -> None:
        self._write(self._lead(dice), dice.choice(_BODIES))

    def _opt_out(self, dice: random.Random) -> None:
        message_id = self._lead(dice).lead_message_id
        lead_id = query("SELECT lead_id FROM lead_message WHERE id = %s", (message_id,))[0][0]
        set_opted_out(lead_id, _OPERATOR, opted_out=True)

    def _pause(self, dice: random.Random) -> None:
        client_id = self._lead(dice).client_id
        switch_client(client_id, _OPERATOR, paused=True)
        time.sleep(dice.uniform(0.0, 0.2))
        switch_client(client_id, _OPERATOR, paused=False)

    def _switch_campaign(self, dice: random.Random) -> None:
        client_id = self._lead(dice).client_id
        set_campaign(client_id, "default", {"auto_send": False}, _OPERATOR)
        time.sleep(dice.uniform(0.0, 0.2))
        set_campaign(client_id, "default", {"auto_send": True}, _OPERATOR)

    def _send_by_hand(self, dice: random.Random) -> None:
        draft = find_draft(self._lead(dice).lead_message_id)
        if draft is not None:
            try:
                send_by_hand(draft.id, _OPERATOR)
            except InvariantRefused:
                return


def _mail(sender: str, body: str) -> InboundMail:
    """A mail with no date and no id: sent when it is ingested, known by its bytes."""
    lines = [f"From: {sender}", "To: us@example.org", "Subject: Question", f"X-Nonce: {random.getrandbits(64):x}"]
    lines.append(f"Message-ID: <{random.getrandbits(64):x}@prospect.example>")
    return parse_mail("\r\n".join([*lines, "", body, ""]).encode())
