"""A lead's wish not to be written to, set or taken back by an operator, on record in the same transaction.

It must not know drafts or the gate; it takes the gate's locks, in its order.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from messaging.store import lock_client, opt_in, opt_out
from models.database import atomic, query
from models.ledger.operators import Operator, record_action
from models.readings.identity import uuid_range
from policy.errors import Ambiguous, NotFound


@dataclass(frozen=True, slots=True)
class LeadRow:
    """A lead by its names, and whether it is opted out."""

    id: UUID
    client_id: str
    address: str
    opted_out: bool


def find_lead(text: str, client_id: str | None = None) -> LeadRow:
    """The lead of this address, id, or beginning of an id; of this client, if one is given.

    Raises NotFound, and Ambiguous where several go by it.
    """
    bounds = uuid_range(text)
    if "@" not in text and bounds is None:
        raise NotFound(f"no lead goes by {text!r}: it is an address, an id, or the beginning of one")
    condition, values = ("address = %s", (text.lower(),)) if "@" in text else ("id BETWEEN %s AND %s", bounds)
    rows = query(
        f"SELECT id, client_id, address, opted_out_at IS NOT NULL FROM lead WHERE {condition}"
        " AND (%s::text IS NULL OR client_id = %s) ORDER BY client_id, id LIMIT 4",
        (*(values or ()), client_id, client_id),
    )
    if not rows:
        raise NotFound(f"no lead goes by {text!r}" + (f" with client {client_id!r}" if client_id else ""))
    if len(rows) > 1:
        several = ", ".join(f"{row[0]} of client {row[1]}" for row in rows)
        raise Ambiguous(f"{text} names several leads: {several}; give --client or more of the id")
    return LeadRow(*rows[0])


def read_lead(lead_id: UUID) -> LeadRow:
    """The lead. Raises NotFound."""
    return find_lead(str(lead_id))


def set_opted_out(lead_id: UUID, operator: Operator, *, opted_out: bool) -> bool:
    """Opt the lead out, or take that back; False if it stood so. Raises NotFound."""
    lead = read_lead(lead_id)
    with atomic():
        lock_client(lead.client_id)
        moved = opt_out(lead.id) if opted_out else opt_in(lead.id)
        record_action(
            operator,
            "opt-out" if opted_out else "opt-in",
            str(lead.id),
            "done" if moved else "unchanged",
            before={"opted_out": opted_out is not moved},
        )
    return moved
