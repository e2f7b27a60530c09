"""Judges a run of sends afterwards, from the mails at the sink and from rows alone: nothing that a process remembers.

A moment counts by the database's clock, read under the lock that orders it: when a reply was let out, when a mail was
stored, a switch thrown. It must not know how the run was played.
"""

from __future__ import annotations

import email
import email.policy
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

from policy.keys import internet_message_id, reply_effect_key

#: Gives all rows of a statement.
Rows: TypeAlias = Any

#: What was true of each reply at the moment at which it was let out, and would have forbidden it.
_STALE = """
WITH let_out AS (
  SELECT draft.id, draft.lead_id, draft.client_id, draft.let_out_at AS at, m.arrival, m.created_at AS came_at,
    coalesce((convert_from(job.payload, 'UTF8')::jsonb -> 'kwargs' ->> 'by_hand')::boolean, false) AS by_hand
  FROM draft JOIN lead_message AS m ON m.id = draft.lead_message_id JOIN lead ON lead.id = draft.lead_id
  JOIN side_effect AS effect ON effect.effect_key = 'reply:' || m.id || ':1'
  LEFT JOIN background_job AS job ON job.id = effect.job_id
  WHERE draft.id = ANY (%s::uuid[])
)
SELECT id,
  EXISTS (SELECT FROM lead_message AS o WHERE o.lead_id = let_out.lead_id AND o.direction = 'inbound'
    AND o.arrival > let_out.arrival AND o.created_at < at) AS newer_inbound_exists,
  EXISTS (SELECT FROM lead_message AS o JOIN draft AS its ON its.id = o.draft_id
    WHERE o.lead_id = let_out.lead_id AND o.direction = 'outbound' AND its.id <> let_out.id
    AND its.let_out_at > let_out.came_at AND its.let_out_at < at) AS outbound_after_trigger,
  EXISTS (SELECT FROM operator_action AS act WHERE act.target = lead_id::text AND act.verb = 'opt-out'
    AND act.at < let_out.at) AS lead_opted_out,
  coalesce((SELECT verb = 'pause' FROM operator_action AS act WHERE act.target = let_out.client_id
    AND act.verb IN ('pause', 'resume') AND act.at < let_out.at ORDER BY act.at DESC LIMIT 1), false) AS client_paused,
  NOT by_hand AND coalesce((SELECT act.after ->> 'auto_send' = 'false' FROM operator_action AS act
    WHERE act.target = let_out.client_id || '/default' AND act.after ? 'auto_send' AND act.at < let_out.at
    ORDER BY act.at DESC LIMIT 1), false) AS campaign_not_auto_send
FROM let_out
"""
_REASONS = (
    "newer_inbound_exists",
    "outbound_after_trigger",
    "lead_opted_out",
    "client_paused",
    "campaign_not_auto_send",
)


@dataclass(slots=True)
class Judged:
    """What a run came to. `wrong`, `stale`, `double`, `over_rate` and `lost` must be nought."""

    messages: int = 0
    mails: int = 0
    by_hand: int = 0
    wrong: int = 0
    double: int = 0
    stale: dict[str, int] = field(default_factory=dict)
    over_rate: int = 0
    lost: int = 0
    held: int = 0
    dead: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Whether nothing went out that should not have, nothing twice, and nothing has no outcome."""
        return not (self.wrong or self.double or self.stale or self.over_rate or self.lost)


def judge(rows: Rows, mail_dir: Path) -> Judged:
    """Hold every mail at the sink against the rows, and every lead message against its outcome."""
    judged = Judged()
    drafts = {
        internet_message_id(reply_effect_key(row[1], 1), row[2].rpartition("@")[2]): row
        for row in rows(
            "SELECT draft.id, draft.lead_message_id, client.sender_address, lead.address, draft.content,"
            " m.internet_message_id FROM draft JOIN lead ON lead.id = draft.lead_id"
            " JOIN client ON client.id = lead.client_id JOIN lead_message AS m ON m.id = draft.lead_message_id"
        )
    }
    found = [_read(path) for path in sorted(mail_dir.iterdir())]
    times = Counter(mail["Message-ID"] for mail in found)
    judged.mails, judged.double = len(found), times.total() - len(times)
    judged.wrong = sum(not _as_drafted(mail, drafts.get(mail["Message-ID"])) for mail in found)
    at_sink = [drafts[name][0] for name in times if name in drafts]
    forbidden = [zip(_REASONS, row[1:], strict=True) for row in rows(_STALE, at_sink)]
    judged.stale = dict(Counter(reason for each in forbidden for reason, held in each if held))
    judged.over_rate = sum(_over_rate(rows))
    _outcomes(rows, judged, at_sink)
    return judged


def _read(path: Path) -> Any:
    return email.message_from_bytes(path.read_bytes(), policy=email.policy.default)


def _as_drafted(mail: Any, draft: tuple[Any, ...] | None) -> bool:
    """To the lead of its draft, in the draft's words, under the message that the draft answers."""
    if draft is None:
        return False
    said = mail.get_content().replace("\r\n", "\n").strip()
    meant = str(draft[4]).replace("\r\n", "\n").strip()
    return (str(mail["To"]), said, str(mail["In-Reply-To"])) == (draft[3], meant, draft[5])


def _over_rate(rows: Rows) -> Iterator[int]:
    """Replies that were let out although their client's, or their lead's, rate was used up."""
    for client_id, scope, most, period_s in rows("SELECT client_id, scope, most, period_s FROM sending_rate"):
        groups: dict[Any, list[datetime]] = {}
        let_out = (
            "SELECT draft.lead_id, draft.let_out_at FROM draft JOIN side_effect AS effect"
            " ON effect.effect_key = 'reply:' || draft.lead_message_id || ':1'"
            " WHERE draft.client_id = %s AND effect.state IN ('CONFIRMED', 'UNKNOWN') ORDER BY draft.let_out_at"
        )
        for lead_id, at in rows(let_out, client_id):
            groups.setdefault(lead_id if scope == "lead" else client_id, []).append(at)
        yield sum(_too_many(times, most, timedelta(seconds=period_s)) for times in groups.values())


def _too_many(times: Iterable[datetime], most: int, period: timedelta) -> int:
    ordered = list(times)
    return sum(later - earlier < period for earlier, later in zip(ordered, ordered[most:], strict=False))


def _outcomes(rows: Rows, judged: Judged, at_sink: list[Any]) -> None:
    sent, refused = set(at_sink), Counter[str]()
    unanswered = rows(
        "SELECT draft.id, draft.status, coalesce(draft.refusal, m.never_answer), effect.state,"
        " EXISTS (SELECT FROM dead_letter JOIN background_job AS job ON job.id = dead_letter.job_id"
        "   WHERE job.lead_message_id = m.id::text AND dead_letter.resolution = 'OPEN') FROM lead_message AS m"
        " LEFT JOIN draft ON draft.lead_message_id = m.id"
        " LEFT JOIN side_effect AS effect ON effect.effect_key = 'reply:' || m.id || ':1'"
        " WHERE m.direction = 'inbound'"
    )
    for draft_id, status, refusal, effect, has_letter in unanswered:
        judged.messages += 1
        if refusal is not None and draft_id not in sent:
            refused[refusal] += 1
        elif effect == "UNKNOWN":
            judged.held += 1
        elif has_letter and effect != "CONFIRMED":
            judged.dead += 1
        elif status != "sent" or draft_id not in sent:
            judged.lost += 1
    judged.refused = dict(refused)
    judged.by_hand = int(rows("SELECT count(*) FROM operator_action WHERE verb = 'send' AND result = 'done'")[0][0])
