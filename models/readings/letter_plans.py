"""Reads what a plan is made of and held against: the letters a filter finds, what was done, what died again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from uuid import UUID

from models.arrays import uuid_array
from models.database import query
from models.readings.letter_facts import Looked, look
from models.readings.letters import LetterFilter, matching_ids
from policy.letter_plans import PlannedLetter, RefusedLetter
from policy.requeue import LetterFacts

#: Letters looked at in one statement.
_PAGE = 1_000

#: Names what forbids a verb on a letter, or nothing.
Judge = Callable[[LetterFacts], "str | None"]


def database_identity() -> str:
    """A name that no other database has: another server, a copy restored beside it, a schema made anew."""
    told = query(
        "SELECT current_database(), (SELECT oid FROM pg_database WHERE datname = current_database()),"
        " (SELECT min(applied_at) FROM schema_migration)"
    )[0]
    return hashlib.sha256("\x1f".join(map(str, told)).encode()).hexdigest()[:16]


def judged(
    wanted: LetterFilter, since: datetime | None, until: datetime | None, judge: Judge, *, keys: bool
) -> tuple[list[PlannedLetter], list[RefusedLetter]]:
    """The letters a filter finds, the first died first, and those that `judge` refuses.

    With `keys`, of several letters with one dispatch key the first is planned, the others are refused by name.
    """
    planned: list[PlannedLetter] = []
    refused: list[RefusedLetter] = []
    taken: set[str] = set()
    for letter in _looked(matching_ids(wanted, since, until)):
        refusal = judge(letter.facts)
        if refusal is None and keys and letter.dispatch_key:
            refusal = "key_taken" if letter.dispatch_key in taken else None
            taken.add(letter.dispatch_key)
        if refusal is None:
            planned.append(PlannedLetter(letter.id, letter.version))
        else:
            refused.append(RefusedLetter(letter.id, letter.version, refusal))
    return planned, refused


def moved_since(letters: Sequence[PlannedLetter], judge: Judge) -> dict[UUID, str]:
    """Those of the letters that are not as they were planned, with the name of what is between."""
    versions = {one.id: one.version for one in letters}
    found = {}
    seen = set()
    for letter in _looked(versions):
        seen.add(letter.id)
        refusal = "changed_since" if letter.version != versions[letter.id] else judge(letter.facts)
        if refusal is not None:
            found[letter.id] = refusal
    return found | dict.fromkeys(versions.keys() - seen, "changed_since")


def done_under(plan_hash: str) -> set[UUID]:
    """The letters that were moved under this plan, as the operators' log says."""
    rows = query("SELECT target FROM operator_action WHERE plan_hash = %s AND result = 'done'", (plan_hash,))
    return {UUID(row[0]) for row in rows}


def died_again(job_ids: Iterable[UUID], since: datetime) -> int:
    """How many of these jobs are dead anew since then."""
    rows = query(
        "SELECT count(*) FROM dead_letter WHERE resolution = 'OPEN' AND job_id = ANY (%s::uuid[]) AND died_at >= %s",
        (uuid_array(job_ids), since),
    )
    return int(rows[0][0])


def _looked(ids: Iterable[UUID]) -> Iterator[Looked]:
    rest = iter(ids)
    while page := list(islice(rest, _PAGE)):
        found = look(page)
        yield from (found[letter_id] for letter_id in page if letter_id in found)
