"""Stores what was received: a lead for each sender, a lead message for each mail, SMS or LinkedIn message, each once.

A message whose words ask never to be written to again opts its lead out with it. It must not know drafts or jobs. Takes
the gate's locks, in its order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from uuid import UUID, uuid5

from messaging.inbound_texts import InboundText
from messaging.inbox import InboundMail
from messaging.mail_copies import Content, stored_identities
from messaging.never_answer import never_answer
from messaging.opt_out_words import asks_to_opt_out
from messaging.store import ClientRow, lock_client, opt_out, read_client
from middleware.logs import event
from models.database import after_commit, atomic, query
from policy.texts import cap_text

#: Under this namespace lie the ids of leads and lead messages: the same mail has the same id in every database, so
#: that even a reply sent anew from an empty database bears the Message-ID it had. Never change it.
_NAMESPACE = UUID("0f6d7a52-5f0e-5b0b-9d2c-6f6a3f1c9b77")
#: Bytes of an identity that a row keeps as it is; a longer one stands there as its digest (a btree entry takes 2,704).
_IDENTITY_BYTES = 1_000
#: Bytes kept of a lead message's text, and of its subject and sender's name.
_BODY_BYTES = 1_000_000
_LINE_BYTES = 2_000
#: Characters of a mail in which a wish to opt out is looked for; what matters stands at its top.
_READ_CHARS = 10_000
#: Rows written by one statement.
_CHUNK = 500

#: Where a message without a date stands among those of its ingest.
_LAST = datetime.max.replace(tzinfo=timezone.utc)

#: What makes a lead message one of its kind: lead and identity.
_Key = tuple[UUID, str]

#: A received message, by whatever channel.
Inbound = InboundMail | InboundText


@dataclass(frozen=True, slots=True)
class StoredMail:
    """Where one mail went. `new` is False for a lead message that was there before, or came twice in one ingest."""

    lead_message_id: UUID
    lead_id: UUID
    new: bool


def store_mails(client_id: str, campaign_id: UUID, mails: Sequence[Inbound]) -> list[StoredMail]:
    """Store what is new of these mails and messages, in one transaction; one answer each, in order.

    An identity is unique for its lead and direction; a mail without a Message-ID that says what another says, at the
    same moment, has that one's. `sent_at` is the message's date, at most now; without one the
    time of the first ingest, which is kept. They arrive in the order of their dates, those without one last, and after
    all that was there: ingests of the same leads go one after the other. Raises NotFound.
    """
    with atomic():
        lock_client(client_id)
        client = read_client(client_id)
        leads = _lock_leads(client_id, campaign_id, mails)
        placed = _one_for_copies([(mail, (leads[_address(mail)], _identity(mail))) for mail in mails])
        arriving = sorted(placed, key=_date)
        fresh: set[UUID] = set()
        ids: dict[_Key, UUID] = {}
        for start in range(0, len(arriving), _CHUNK):
            chunk = arriving[start : start + _CHUNK]
            fresh |= _insert(client, chunk)
            ids |= _ids([key for _, key in chunk])
        _opt_out(client, [(mail, ids[key], key[0]) for mail, key in placed if ids[key] in fresh])
    answers: list[StoredMail] = []
    for _, key in placed:
        answers.append(StoredMail(ids[key], key[0], ids[key] in fresh))
        fresh.discard(ids[key])
    return answers


def handled(lead_message_ids: Collection[UUID]) -> dict[UUID, UUID | None]:
    """Those of these lead messages whose inbound job is over or gone after its work, with the job (None: pruned).

    A job that still holds its key is not among them: dispatching it again is refused by the ledger itself. Neither is
    a lead message without job and outcome: it was never dispatched, or its job was lost.
    """
    rows = query(
        "SELECT m.id, job.id FROM lead_message AS m LEFT JOIN background_job AS job ON job.id = m.inbound_job_id"
        " WHERE m.id = ANY (%s::uuid[]) AND (m.processed_at IS NOT NULL OR job.id IS NOT NULL)"
        " AND NOT coalesce(job.holds_key"
        "   AND (job.state <> 'succeeded' OR job.key_expires_at > clock_timestamp()), false)",
        (list(lead_message_ids),),
    )
    return dict(rows)


def note_jobs(jobs: Mapping[UUID, UUID]) -> None:
    """Write down which inbound job was dispatched for a lead message (lead message to job)."""
    query(
        "UPDATE lead_message AS m SET inbound_job_id = noted.job FROM unnest(%s::uuid[], %s::uuid[])"
        " AS noted (message, job) WHERE m.id = noted.message",
        (list(jobs), list(jobs.values())),
    )


def _lock_leads(client_id: str, campaign_id: UUID, mails: Sequence[Inbound]) -> dict[str, UUID]:
    """The senders' leads by address, made where absent, all locked in one order (by address)."""
    names = {_address(mail): mail.sender_name for mail in reversed(mails)}
    addresses = sorted(names)
    query(
        "INSERT INTO lead (id, client_id, campaign_id, address, name)"
        " SELECT wanted.id, %s, %s, wanted.address, wanted.name"
        " FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS wanted (id, address, name) ORDER BY wanted.address"
        " ON CONFLICT (client_id, address) DO NOTHING",
        (
            client_id,
            campaign_id,
            [uuid5(_NAMESPACE, f"lead:{client_id}:{address}") for address in addresses],
            addresses,
            [cap_text(names[address], _LINE_BYTES) for address in addresses],
        ),
    )
    rows = query(
        "SELECT address, id FROM lead WHERE client_id = %s AND address = ANY (%s) ORDER BY address FOR UPDATE",
        (client_id, addresses),
    )
    return dict(rows)


def _one_for_copies(placed: list[tuple[Inbound, _Key]]) -> list[tuple[Inbound, _Key]]:
    """With one key for all copies of a mail without a Message-ID: that of the stored one, or of the first here."""
    contents = {key: found for mail, key in placed if (found := _content(mail, key[0])) is not None}
    if not contents:
        return placed
    # A row that holds these very bytes stays theirs, even where rules for reading a mail's text have changed since.
    for key in _ids(list(contents)):
        del contents[key]
    identities = stored_identities(list(contents.values()))
    for (_, identity), content in contents.items():
        identities.setdefault(content, identity)
    return [(mail, (key[0], identities[contents[key]]) if key in contents else key) for mail, key in placed]


def _content(mail: Inbound, lead_id: UUID) -> Content | None:
    """None with a Message-ID, which is enough, and without a date: the same few words may be written again."""
    if isinstance(mail, InboundText) or mail.internet_message_id is not None or mail.sent_at is None:
        return None
    return Content(lead_id, mail.sent_at, cap_text(mail.subject, _LINE_BYTES), cap_text(mail.body, _BODY_BYTES))


def _date(placed: tuple[Inbound, _Key]) -> datetime:
    """Files of an old mailbox lie in any order: within one ingest nothing but the date tells what was written later."""
    return placed[0].sent_at or _LAST


def _insert(client: ClientRow, placed: Sequence[tuple[Inbound, _Key]]) -> set[UUID]:
    """Insert those that are not there; gives the ids of the new ones."""
    own = (client.sender_address, *client.own_addresses)
    columns = zip(*(_columns(message, own) for message, _ in placed), strict=True)
    rows = query(
        "INSERT INTO lead_message (id, lead_id, direction, identity, channel, internet_message_id, in_reply_to,"
        " reference_ids, subject, body, never_answer, sent_at, recipient, thread)"
        " SELECT w.id, w.lead, 'inbound', w.identity, w.channel, w.mail_id, w.answered, w.refs, w.subject, w.body,"
        " w.never, least(coalesce(w.sent_at, clock_timestamp()), clock_timestamp()), w.recipient, w.thread"
        " FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],"
        " %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[]) WITH ORDINALITY AS w (id, lead, identity,"
        " channel, mail_id, answered, refs, subject, body, never, sent_at, recipient, thread, place)"
        " ORDER BY w.place ON CONFLICT DO NOTHING RETURNING id",
        (
            [uuid5(_NAMESPACE, f"inbound:{lead_id}:{identity}") for _, (lead_id, identity) in placed],
            [lead_id for _, (lead_id, _) in placed],
            [identity for _, (_, identity) in placed],
            *(list(column) for column in columns),
        ),
    )
    return {row[0] for row in rows}


def _columns(message: Inbound, own: Collection[str]) -> tuple[object, ...]:
    """A lead message's columns from `channel` on, in the order of the insert."""
    body, never = cap_text(message.body, _BODY_BYTES), _never(message, own)
    if isinstance(message, InboundText):
        channel = message.channel.value
        return (channel, None, None, "", "", body, never, message.sent_at, message.recipient, message.thread)
    return (
        "email",
        message.internet_message_id,
        message.in_reply_to,
        " ".join(message.references),
        cap_text(message.subject, _LINE_BYTES),
        body,
        never,
        message.sent_at,
        None,
        None,
    )


def _opt_out(client: ClientRow, fresh: Sequence[tuple[Inbound, UUID, UUID]]) -> None:
    """Opt the leads out whose new messages ask for it; a machine's or a list's words are nobody's wish."""
    own = (client.sender_address, *client.own_addresses)
    for message, lead_message_id, lead_id in fresh:
        subject = "" if isinstance(message, InboundText) else message.subject
        asked = _never(message, own) is None and asks_to_opt_out(message.body[:_READ_CHARS], subject)
        if asked and opt_out(lead_id):
            after_commit(partial(event, "lead_opted_out", lead_id=lead_id, lead_message_id=lead_message_id))


def _ids(keys: Sequence[_Key]) -> dict[_Key, UUID]:
    """The stored ids: a row that was written by other means need not bear the id we would have given it."""
    rows = query(
        "SELECT lead_id, identity, id FROM lead_message WHERE direction = 'inbound'"
        " AND (lead_id, identity) IN (SELECT * FROM unnest(%s::uuid[], %s::text[]))",
        ([lead_id for lead_id, _ in keys], [identity for _, identity in keys]),
    )
    return {(row[0], row[1]): row[2] for row in rows}


def _never(message: Inbound, own: Collection[str]) -> str | None:
    """Why it must not be answered: a provider's messages bear no marks of machines, only their sender's name."""
    if isinstance(message, InboundText):
        return "own_address" if message.sender in own else None
    return never_answer(message, own)


def _address(message: Inbound) -> str:
    return message.lead_address if isinstance(message, InboundText) else message.sender


def _identity(mail: Inbound) -> str:
    data = mail.identity.encode()
    return mail.identity if len(data) <= _IDENTITY_BYTES else f"sha256:{hashlib.sha256(data).hexdigest()}"
