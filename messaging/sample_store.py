"""Writes a sample into the database: client, campaigns, leads and lead messages, each once. Nothing is dispatched.

A thread is written whole or not at all, and never again: what has happened to it since is nobody's to undo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from messaging.sample_data.people import OURS, PRICES, SCHEDULING_LINKS, SENDER, SIGNATURE, TIMEZONE
from messaging.sample_data.threads import CAMPAIGNS, SampleMessage, SampleThread
from messaging.store import lock_client, make_campaign
from models.database import atomic, query
from policy.errors import InvariantRefused

#: How long after a lead message its answer is noted as given.
_ANSWERED_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Stored:
    """How many threads and lead messages were new, and how many threads were there before."""

    threads: int
    messages: int
    known: int


def store_sample(client_id: str, threads: Sequence[SampleThread]) -> Stored:
    """Write what is new of these threads, in one transaction. Raises InvariantRefused if the client is no sample."""
    with atomic():
        _make_client(client_id)
        lock_client(client_id)
        campaigns = {name: _campaign(client_id, name, auto_send) for name, auto_send in CAMPAIGNS}
        new_leads = _insert_leads(client_id, campaigns, threads)
        fresh = [thread for thread in threads if thread.lead_id in new_leads]
        messages = sorted(
            ((one, thread) for thread in fresh for one in thread.messages), key=lambda each: each[0].sent_at
        )
        _insert_messages(messages)
    return Stored(len(fresh), len(messages), len(threads) - len(fresh))


def count_new(client_id: str, threads: Sequence[SampleThread]) -> Stored:
    """What `store_sample` would write; changes nothing. Raises InvariantRefused."""
    _refuse_working_client(client_id)
    ids = [thread.lead_id for thread in threads]
    known = {row[0] for row in query("SELECT id FROM lead WHERE id = ANY (%s::uuid[])", (ids,))}
    fresh = [thread for thread in threads if thread.lead_id not in known]
    return Stored(len(fresh), sum(len(thread.messages) for thread in fresh), len(threads) - len(fresh))


def _make_client(client_id: str) -> None:
    query(
        "INSERT INTO client (id, name, sender_address, timezone, scheduling_links, known_prices)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (client_id, OURS, SENDER, TIMEZONE, list(SCHEDULING_LINKS), list(PRICES)),
    )
    _refuse_working_client(client_id)


def _refuse_working_client(client_id: str) -> None:
    rows = query("SELECT sender_address FROM client WHERE id = %s", (client_id,))
    if rows and rows[0][0] != SENDER:
        raise InvariantRefused(
            "client_at_work", f"client {client_id!r} is no sample: it writes as {rows[0][0]}; name another --client-id"
        )


def _campaign(client_id: str, name: str, auto_send: bool) -> UUID:
    campaign_id = make_campaign(client_id, name, auto_send=auto_send, delay_min_s=60, delay_max_s=300)
    query("UPDATE campaign SET signature = %s WHERE id = %s AND signature = ''", (SIGNATURE, campaign_id))
    return campaign_id


def _insert_leads(client_id: str, campaigns: dict[str, UUID], threads: Sequence[SampleThread]) -> set[UUID]:
    """Insert those that are not there; gives the ids of the new ones."""
    rows = query(
        "INSERT INTO lead (id, client_id, campaign_id, address, name, opted_out_at)"
        " SELECT w.id, %s, w.campaign, w.address, w.name, w.opted_out_at"
        " FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::timestamptz[])"
        " AS w (id, campaign, address, name, opted_out_at) ORDER BY w.address ON CONFLICT DO NOTHING RETURNING id",
        (
            client_id,
            [thread.lead_id for thread in threads],
            [campaigns[thread.campaign] for thread in threads],
            [thread.address for thread in threads],
            [thread.name for thread in threads],
            [thread.opted_out_at for thread in threads],
        ),
    )
    return {row[0] for row in rows}


def _insert_messages(placed: Sequence[tuple[SampleMessage, SampleThread]]) -> None:
    messages = [message for message, _ in placed]
    query(
        "INSERT INTO lead_message (id, lead_id, direction, channel, identity, internet_message_id, in_reply_to,"
        " reference_ids, subject, body, never_answer, sent_at, processed_at)"
        " SELECT w.* FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],"
        " %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[]) AS w",
        (
            [one.id for one in messages],
            [thread.lead_id for _, thread in placed],
            ["inbound" if one.inbound else "outbound" for one in messages],
            [thread.channel for _, thread in placed],
            [one.identity for one in messages],
            [one.internet_message_id for one in messages],
            [one.in_reply_to for one in messages],
            [" ".join(one.reference_ids) for one in messages],
            [one.subject for one in messages],
            [one.body for one in messages],
            [one.never_answer for one in messages],
            [one.sent_at for one in messages],
            [one.sent_at + _ANSWERED_AFTER if one.inbound and not one.open else None for one in messages],
        ),
    )
