"""`callboard replay` on the sample: selection, judging, broken drafters, the baseline; no other row moves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from messaging.draft_store import read_inbound
from messaging.drafts import DeterministicDrafter, DraftRequest, DraftText
from messaging.replay import case_store
from models.database import query
from scripts.exits import ExitCode
from scripts.main import main

#: Everything that a replay may not touch.
_ROWS = (
    "SELECT (SELECT md5(string_agg(draft::text, '' ORDER BY id)) FROM draft), (SELECT count(*) FROM background_job),"
    " (SELECT count(*) FROM side_effect),"
    " (SELECT md5(string_agg(lead_message::text, '' ORDER BY id)) FROM lead_message)"
)

Draft = Callable[[DeterministicDrafter, DraftRequest], DraftText]


@dataclass(frozen=True, slots=True)
class Sampled:
    """Runs the command against the sample and reads the artifact that it leaves."""

    out: Path

    def replay(self, *words: str) -> tuple[int, dict[str, Any]]:
        file = self.out / "told.json"
        code = main(["replay", "--out", str(file), *words])
        return code, json.loads(file.read_text(encoding="utf-8"))


@pytest.fixture
def sampled(ledger_database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Sampled]:
    main(["sample", "--threads", "60", "--json"])
    capsys.readouterr()
    before = query(_ROWS)
    yield Sampled(tmp_path)
    assert query(_ROWS) == before


def drafted_by(monkeypatch: pytest.MonkeyPatch, draft: Draft) -> None:
    monkeypatch.setattr(DeterministicDrafter, "draft", draft)


def saying(body: str) -> Draft:
    """A drafter that says this to everybody."""

    def draft(_: DeterministicDrafter, request: DraftRequest) -> DraftText:
        return DraftText("Re: your message", body, "broken.v1", "broken", "0" * 64)

    return draft


def counts(told: dict[str, Any], of: str = "failureTypeCounts") -> dict[str, int]:
    return {name: count for name, count in told["summary"][of].items() if count}


def inbound_leads(count: int) -> list[str]:
    rows = query("SELECT DISTINCT lead_id FROM lead_message WHERE direction = 'inbound' ORDER BY 1 LIMIT %s", (count,))
    return [str(lead_id) for (lead_id,) in rows]


def test_a_dry_run_selects_the_riskiest_threads_and_runs_none(
    sampled: Sampled, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafted_by(monkeypatch, lambda *_: pytest.fail("a dry run drafts nothing"))

    code, told = sampled.replay("--client-id", "sample", "--dry-run", "--limit", "20")

    risks = [case["risk"]["score"] for case in told["cases"]]
    assert code == ExitCode.DONE
    assert [case["status"] for case in told["cases"]] == ["selected_only"] * 20
    assert risks == sorted(risks, reverse=True)
    assert len({case["threadId"] for case in told["cases"]}) == 20
    assert told["summary"]["selectedOnly"] == 20


def test_a_live_run_of_twenty_judges_each_draft_and_is_clean(sampled: Sampled) -> None:
    code, told = sampled.replay("--client", "sample", "--limit", "20", "--concurrency", "3")

    assert code == ExitCode.DONE
    assert list(told) == ["runId", "createdAt", "config", "selection", "summary", "cases", "baselineDiff"]
    assert [case["status"] for case in told["cases"]] == ["evaluated"] * 20
    assert all(case["evidence"]["draft"]["promptKey"] == "reply.deterministic.v2" for case in told["cases"])
    assert all(case["score"] >= 62 for case in told["cases"])
    assert counts(told) == {}
    assert told["config"]["judgePromptKey"] == "meeting.overseer.gate.v1"
    assert told["config"]["judgeSystemPrompt"]


def _raises(_: DeterministicDrafter, request: DraftRequest) -> DraftText:
    raise RuntimeError("the drafter broke")


@pytest.mark.parametrize(
    ("draft", "failure", "critical"),
    [
        pytest.param(_raises, "draft_generation_error", None, id="raises"),
        pytest.param(lambda *_: None, "draft_generation_error", None, id="gives nothing at all"),
        pytest.param(saying(""), "draft_quality_error", "empty_draft", id="says nothing"),
        pytest.param(
            saying("Book here: https://calendly.com/somebody-else/30min"),
            "draft_quality_error",
            "fabricated_link",
            id="invents a link",
        ),
        pytest.param(
            saying("Great, you are booked: Sunday, January 3, 2027 at 3:45 AM. See you then!"),
            "draft_quality_error",
            "date_mismatch",
            id="invents a date",
        ),
        pytest.param(saying("How about 4:17 AM?"), "draft_quality_error", "slot_mismatch", id="invents a time"),
        pytest.param(saying("Hello [Name], shall we talk?"), "draft_quality_error", None, id="leaves a placeholder"),
    ],
)
def test_a_drafter_that_is_broken_fails_the_replay(
    sampled: Sampled, monkeypatch: pytest.MonkeyPatch, draft: Draft, failure: str, critical: str | None
) -> None:
    drafted_by(monkeypatch, draft)

    code, told = sampled.replay("--client-id", "sample", "--retries", "0")

    assert code == ExitCode.ERROR
    assert counts(told)[failure] >= 15
    assert set(counts(told)) == {failure}
    assert critical is None or counts(told, "criticalInvariantCounts")[critical] >= 1
    assert (told["summary"]["criticalMisses"] > 0) == (critical is not None)


def test_a_time_that_nobody_offered_fails_where_no_slots_are_offered_at_all(
    sampled: Sampled, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafted_by(monkeypatch, saying("How about 4:17 AM?"))

    code, told = sampled.replay("--client-id", "sample", "--no-slots")

    assert code == ExitCode.ERROR
    assert counts(told) == {"draft_quality_error": 20}
    assert all("unoffered_time" in {check["name"] for check in case["checks"]} for case in told["cases"])


def test_a_drafter_that_fails_once_is_asked_again_and_the_case_is_not_charged(
    sampled: Sampled, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, failed = DeterministicDrafter.draft, set[str]()

    def draft(self: DeterministicDrafter, request: DraftRequest) -> DraftText:
        if request.lead_name not in failed:
            failed.add(request.lead_name)
            raise TimeoutError("busy")
        return whole(self, request)

    drafted_by(monkeypatch, draft)

    code, told = sampled.replay("--client-id", "sample", "--limit", "3", "--concurrency", "1")

    assert code == ExitCode.DONE
    assert [case["attempts"] for case in told["cases"]] == [2, 2, 2]


def test_kept_drafts_stand_apart_from_those_that_may_be_sent(sampled: Sampled) -> None:
    code, told = sampled.replay("--client-id", "sample", "--limit", "4", "--keep-drafts")

    kept = query("SELECT lead_message_id::text, content FROM replay_draft WHERE run_id = %s", (told["runId"],))
    assert code == ExitCode.DONE
    assert dict(kept) == {case["caseId"]: case["evidence"]["draft"]["body"] for case in told["cases"]}


def test_threads_are_named_by_their_lead_or_by_one_of_their_lead_messages(sampled: Sampled, tmp_path: Path) -> None:
    (lead, _), (_, message) = query(
        "SELECT DISTINCT ON (lead_id) lead_id::text, id::text FROM lead_message WHERE direction = 'inbound' LIMIT 2"
    )
    file = tmp_path / "threads"
    file.write_text(f"# two of them\n{message}  # by its lead message\n\n", encoding="utf-8")

    code, told = sampled.replay("--thread-ids", lead, "--thread-ids-file", str(file), "--dry-run")

    assert code == ExitCode.DONE
    assert lead in {case["threadId"] for case in told["cases"]}
    assert message in {case["caseId"] for case in told["cases"]}
    assert len(told["cases"]) == 2


def test_every_thread_that_is_named_is_a_case(sampled: Sampled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case_store, "CANDIDATES_MAX", 30)
    leads = inbound_leads(40)

    code, told = sampled.replay("--thread-ids", ",".join(leads), "--dry-run")

    assert (code, told["config"]["limit"]) == (ExitCode.DONE, None)
    assert sorted(case["threadId"] for case in told["cases"]) == leads


def test_a_limit_that_cuts_named_threads_is_said(sampled: Sampled, capsys: pytest.CaptureFixture[str]) -> None:
    leads = inbound_leads(5)

    code, told = sampled.replay("--thread-ids", ",".join(leads), "--limit", "3", "--dry-run")

    said = "the threads that are named have 5 cases: --limit 3 leaves out 2 of them"
    assert (code, len(told["cases"]), told["config"]["limit"]) == (ExitCode.DONE, 3, 3)
    assert capsys.readouterr().err == f"callboard: warning: {said}\n"


def test_a_thread_that_is_not_there_is_charged_and_the_others_go_on(
    sampled: Sampled, capsys: pytest.CaptureFixture[str]
) -> None:
    lead = query("SELECT lead_id::text FROM lead_message WHERE direction = 'inbound' LIMIT 1")[0][0]
    nobody = "00000000-0000-4000-8000-000000000000"

    code, told = sampled.replay("--thread-ids", f"{lead},{nobody}")

    assert code == ExitCode.ERROR
    assert counts(told) == {"selection_error": 1}
    assert [case["status"] for case in told["cases"]] == ["evaluated"]
    assert told["selection"]["missing"] == [nobody]
    assert nobody in capsys.readouterr().err


def test_an_empty_range_is_widened_with_a_warning(sampled: Sampled, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = sampled.replay(
        "--client-id", "sample", "--dry-run", "--from", "2019-01-01T00:00:00Z", "--to", "2019-01-02T00:00:00Z"
    )

    assert code == ExitCode.DONE
    assert told["selection"]["widened"] is True
    assert told["cases"]
    assert "widened" in capsys.readouterr().err


def test_only_the_channel_that_is_asked_for_is_selected(sampled: Sampled) -> None:
    _, told = sampled.replay("--client-id", "sample", "--dry-run", "--channel", "sms")

    assert {case["channel"] for case in told["cases"]} == {"sms"}


def test_nothing_selected_is_told_apart_from_nothing_wanted(sampled: Sampled) -> None:
    query("INSERT INTO client (id, name, sender_address) VALUES ('idle', 'Idle', 'a@idle.example')")

    refused, told = sampled.replay("--client-id", "idle")
    allowed, _ = sampled.replay("--client-id", "idle", "--allow-empty")

    assert (refused, allowed) == (ExitCode.NOTHING_MATCHED, ExitCode.DONE)
    assert told["cases"] == []
    assert counts(told) == {}


def test_an_unknown_client_is_one_line(sampled: Sampled, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = sampled.replay("--client-id", "nobody")

    assert code == ExitCode.NOTHING_MATCHED
    assert counts(told) == {"selection_error": 1}
    assert capsys.readouterr().err.splitlines() == ["callboard: no client 'nobody'"]


def test_a_baseline_says_what_became_better_and_worse(sampled: Sampled, monkeypatch: pytest.MonkeyPatch) -> None:
    _, told = sampled.replay("--client-id", "sample", "--limit", "6")
    cases = told["cases"]
    for case, points in zip(cases, (-5, -4, 5, 4), strict=False):
        case["score"] += points
    earlier = sampled.out / "earlier.json"
    earlier.write_text(json.dumps({**told, "cases": cases[:5]}), encoding="utf-8")

    _, again = sampled.replay("--client-id", "sample", "--limit", "6", "--baseline", str(earlier))

    assert again["baselineDiff"]["counts"] == {"improved": 1, "regressed": 1, "unchanged": 3, "new": 1}
    assert again["baselineDiff"]["improved"][0]["caseId"] == cases[0]["caseId"]


def test_a_lead_that_is_never_answered_is_evaluated_by_that_decision(sampled: Sampled) -> None:
    message = query("SELECT id::text FROM lead_message WHERE never_answer IS NOT NULL LIMIT 1")[0][0]

    code, told = sampled.replay("--thread-ids", message)

    assert code == ExitCode.DONE
    assert told["cases"][0]["evidence"]["decision"]["answer"] is False


def test_answering_what_is_never_answered_is_a_wrong_decision(
    sampled: Sampled, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = query("SELECT id::text FROM lead_message WHERE never_answer IS NOT NULL LIMIT 1")[0][0]
    monkeypatch.setattr(
        "messaging.replay.pipeline.read_inbound", lambda one: replace(read_inbound(one), never_answer=None)
    )

    code, told = sampled.replay("--thread-ids", message)

    assert code == ExitCode.ERROR
    assert counts(told) == {"decision_error": 1}
