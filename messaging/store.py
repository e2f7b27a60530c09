"""Rows of clients, campaigns and leads, and the switches that stop sending.

It must not know drafts, jobs or the gate. Whoever changes what the gate looks at takes the gate's locks, in its order:
the client's row, then leads' rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

from models.database import atomic, query
from policy.errors import NotFound

#: Names the advisory locks by which those who want a client's row wait in turn. Never change it while workers run.
_TURN = 4_711_003


@dataclass(frozen=True, slots=True)
class ClientRow:
    """A tenant: where its replies come from, and what it calls its own."""

    id: str
    sender_address: str
    own_addresses: tuple[str, ...]
    timezone: str
    scheduling_links: tuple[str, ...]


def make_client(client_id: str, *, name: str, sender_address: str) -> None:
    """Insert the client unless it is there; an existing one keeps all it has."""
    query(
        "INSERT INTO client (id, name, sender_address) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (client_id, name, sender_address),
    )


def make_campaign(client_id: str, name: str, *, auto_send: bool, delay_min_s: int = 0, delay_max_s: int = 0) -> UUID:
    """The client's campaign of that name, made if absent; an existing one keeps its settings."""
    query(
        "INSERT INTO campaign (id, client_id, name, auto_send, delay_min_s, delay_max_s)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (uuid4(), client_id, name, auto_send, delay_min_s, delay_max_s),
    )
    found: UUID = query("SELECT id FROM campaign WHERE client_id = %s AND name = %s", (client_id, name))[0][0]
    return found


def read_client(client_id: str) -> ClientRow:
    """The client. Raises NotFound."""
    rows = query(
        "SELECT id, sender_address, own_addresses, timezone, scheduling_links FROM client WHERE id = %s", (client_id,)
    )
    if not rows:
        raise NotFound(f"no client {client_id!r}")
    found = rows[0]
    return ClientRow(found[0], found[1], tuple(found[2]), found[3], tuple(found[4]))


def lock_client(client_id: str) -> None:
    """Hold the client's row (shared) until the transaction ends: no pause, resume or setting comes in between."""
    # Rows are not locked in turn: who shares is let past an update that waits, so that sends without a gap would keep
    # the kill switch waiting for ever (docs/decisions/0061: 88 s, where the turn makes it 14 ms).
    query(
        "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(%s, hashtext(%s)))"
        " SELECT FROM client, turn WHERE client.id = %s FOR SHARE OF client",
        (_TURN, client_id, client_id),
    )


def lock_client_alone(client_id: str) -> None:
    """Hold the client's row alone until the transaction ends: waits for sends that are being decided, and they for us.

    Raises NotFound.
    """
    rows = query(
        "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(%s, hashtext(%s)))"
        " SELECT client.id FROM client, turn WHERE client.id = %s FOR NO KEY UPDATE OF client",
        (_TURN, client_id, client_id),
    )
    if not rows:
        raise NotFound(f"no client {client_id!r}")


def lock_lead(lead_id: UUID) -> None:
    """Hold the lead's row until the transaction ends: no mail comes or goes, no opt-out."""
    query("SELECT FROM lead WHERE id = %s FOR UPDATE", (lead_id,))


def opt_out(lead_id: UUID) -> bool:
    """Never write to this lead again; False if it was opted out before, or is unknown.

    The update takes the lock that the gate takes: it waits for sends that are being decided.
    """
    sql = "UPDATE lead SET opted_out_at = clock_timestamp() WHERE id = %s AND opted_out_at IS NULL RETURNING id"
    return bool(query(sql, (lead_id,)))


def opt_in(lead_id: UUID) -> bool:
    """Take an opt-out back, which only a person may ask for; False if the lead was not opted out, or is unknown."""
    sql = "UPDATE lead SET opted_out_at = NULL WHERE id = %s AND opted_out_at IS NOT NULL RETURNING id"
    return bool(query(sql, (lead_id,)))


def pause_client(client_id: str) -> bool:
    """Throw the client's kill switch: nothing is sent that has not been intended yet. False if it was thrown before.

    Waits for sends that are being decided. Raises NotFound.
    """
    with atomic():
        lock_client_alone(client_id)
        sql = "UPDATE client SET paused_at = clock_timestamp() WHERE id = %s AND paused_at IS NULL RETURNING id"
        return bool(query(sql, (client_id,)))


def resume_client(client_id: str) -> bool:
    """Take the kill switch back; False if it was not thrown. Raises NotFound."""
    with atomic():
        lock_client_alone(client_id)
        sql = "UPDATE client SET paused_at = NULL WHERE id = %s AND paused_at IS NOT NULL RETURNING id"
        return bool(query(sql, (client_id,)))


def set_auto_send(campaign_id: UUID, auto_send: bool) -> bool:
    """Switch a campaign's automatic sending; False if it stood so. Waits for sends that are being decided."""
    with atomic():
        for (client_id,) in query("SELECT client_id FROM campaign WHERE id = %s", (campaign_id,)):
            lock_client_alone(client_id)
        sql = "UPDATE campaign SET auto_send = %s WHERE id = %s AND auto_send <> %s RETURNING id"
        rows = query(sql, (auto_send, campaign_id, auto_send))
    return bool(rows)
