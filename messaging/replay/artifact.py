"""The artifact of a replay: its shape, and how it comes to stand in a folder whole or not at all.

Keys are in camelCase, here only (docs/replay.md). It holds what leads wrote: only its owner may read it.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from messaging.replay.cases import CaseResult, Judgement, Produced, ReplayCase

#: Where artifacts go unless told otherwise.
FOLDER = Path(".artifacts") / "ai-replay"
#: Characters of a lead message that are shown beside its draft.
_INBOUND_CHARS = 2_000


def instant(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with milliseconds."""
    if moment is None:
        return None
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def run_id_at(moment: datetime) -> str:
    """`run-2026-03-02T10-00-00-000Z`: names the run, and its file."""
    return f"run-{instant(moment)}".replace(":", "-").replace(".", "-")


@dataclass(frozen=True, slots=True)
class Written:
    """An artifact that stands: its file, its run's id, and all that is in it."""

    file: Path
    run_id: str
    told: dict[str, Any]


def write_artifact(out: Path, created_at: datetime, content: dict[str, Any]) -> Written:
    """Write `content` into the folder `out`, or as the file `out` if that ends in `.json`.

    `runId` and `createdAt` are set here. In a folder no earlier artifact is overwritten: the next free millisecond
    names the run. Raises OSError.
    """
    folder = out.parent if out.suffix == ".json" else out
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        run_id = run_id_at(created_at)
        told = {"runId": run_id, "createdAt": instant(created_at), **content}
        target = out if out.suffix == ".json" else folder / f"{run_id}.json"
        if _put(folder, target, told, replace=target is out):
            return Written(target, run_id, told)
        created_at += timedelta(milliseconds=1)


def _put(folder: Path, target: Path, told: dict[str, Any], *, replace: bool) -> bool:
    """Whole or not at all; False where the target is there and is not to be replaced."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")  # readable by its owner only
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            json.dump(told, file, indent=2, ensure_ascii=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(name, target)
        else:
            os.link(name, target)
    except FileExistsError:
        return False
    finally:
        Path(name).unlink(missing_ok=True)
    return True


def case_told(result: CaseResult) -> dict[str, Any]:
    """One case as the artifact shows it."""
    case = result.case
    return {
        "caseId": str(case.lead_message_id),
        "threadId": str(case.thread_id),
        "clientId": case.client_id,
        "channel": case.channel,
        "sentAt": instant(case.sent_at),
        "risk": {"score": case.risk.score, "reasons": list(case.risk.reasons)},
        "status": result.status.value,
        "failureType": result.failure_type.value if result.failure_type else None,
        "failure": result.failure,
        "score": result.score,
        "objectiveScore": result.objective_score,
        "threshold": result.threshold,
        "attempts": result.attempts,
        "durationMs": result.duration_ms,
        "criticalInvariants": [{"name": each.name, "evidence": each.evidence} for each in result.violations],
        "checks": [{"name": each.check, "points": each.points, "evidence": each.evidence} for each in result.findings],
        "judge": _judgement_told(result.judgement),
        "adjudication": _judgement_told(result.adjudication),
        "evidence": _evidence(case, result.produced),
        **result.extra,
    }


def cases_told(results: Sequence[CaseResult]) -> list[dict[str, Any]]:
    """The cases as the artifact shows them."""
    return [case_told(result) for result in results]


def _judgement_told(judged: Judgement | None) -> dict[str, Any] | None:
    return None if judged is None else {"score": judged.score, "reasons": list(judged.reasons)}


def _evidence(case: ReplayCase, produced: Produced | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "inbound": {"subject": case.subject, "body": case.body[:_INBOUND_CHARS], "neverAnswer": case.never_answer},
        "decision": None,
        "offeredSlots": [],
        "draft": None,
    }
    if produced is None:
        return told
    told["decision"] = {"answer": produced.draft is not None, "refusal": produced.refusal}
    if produced.context is not None:
        told["offeredSlots"] = [instant(slot) for slot in produced.context.offered_slots]
    if (draft := produced.draft) is not None:
        told["draft"] = {
            "subject": draft.subject,
            "body": draft.body,
            "promptKey": draft.prompt_key,
            "model": draft.model,
            "inputsDigest": draft.inputs_digest,
            "revision": produced.revision,
        }
    return told
