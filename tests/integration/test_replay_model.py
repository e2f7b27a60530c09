"""A replay with a model: drafts and judgements asked of an API on loopback, well-behaved and not; one line for each."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from scripts.exits import ExitCode
from scripts.main import main
from tests.unit.scripted_model import REPLY, Script, completion, model_api

#: What the judge answers, by what it was asked: whether a first judgement was there to be decided.
Judged = Callable[[bool], bytes]


def judgement(score: object, *reasons: str) -> bytes:
    return completion(json.dumps({"score": score, "reasons": list(reasons) or ["It thanks."]}))


def scripted(judged: Judged, drafted: bytes | None = None) -> Script:
    """Replies to drafters, judgements to judges. For one question at a time."""
    script = Script()
    reply = drafted or completion(json.dumps(REPLY))

    def choose() -> None:
        asked = script.asked[-1]
        if asked["response_format"]["json_schema"]["name"] == "reply":
            script.body = reply
        else:
            script.body = judged("first_judgement" in json.loads(asked["messages"][1]["content"]))

    script.meanwhile = choose
    return script


@contextmanager
def model(monkeypatch: pytest.MonkeyPatch, script: Script) -> Iterator[None]:
    with model_api(script) as url:
        monkeypatch.setenv("CALLBOARD_LLM_BASE_URL", url)
        monkeypatch.setenv("CALLBOARD_LLM_MODEL", "m-1")
        yield


@pytest.fixture
def replayed(
    ledger_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Replays some cases of the sample with a model that follows the script."""
    main(["sample", "--threads", "30"])
    capsys.readouterr()

    def replay(script: Script, *words: str, limit: int = 2) -> tuple[int, dict[str, Any]]:
        file = tmp_path / "told.json"
        line = ["replay", "--client-id", "sample", "--limit", str(limit), "--concurrency", "1", "--retries", "0"]
        with model(monkeypatch, script):
            code = main([*line, "--no-slots", "--out", str(file), *words])
        return code, json.loads(file.read_text(encoding="utf-8"))

    return replay


def failures(told: dict[str, Any]) -> dict[str, int]:
    return {name: count for name, count in told["summary"]["failureTypeCounts"].items() if count}


def test_the_judge_is_asked_under_its_prompt_and_its_word_is_kept(
    replayed: Callable[..., tuple[int, dict[str, Any]]],
) -> None:
    script = scripted(lambda _: judgement(91, "Asks which days would suit."))

    code, told = replayed(script)

    systems = {asked["messages"][0]["content"] for asked in script.asked if asked["messages"][0]["role"] == "system"}
    assert code == ExitCode.DONE
    assert told["config"]["judgeSystemPrompt"] in systems
    assert [case["judge"] for case in told["cases"]] == [{"score": 91, "reasons": ["Asks which days would suit."]}] * 2
    assert [case["adjudication"] for case in told["cases"]] == [None, None]


@pytest.mark.parametrize(("second", "code"), [(90, ExitCode.DONE), (41, ExitCode.ERROR)])
def test_a_borderline_score_is_decided_by_a_second_pass(
    replayed: Callable[..., tuple[int, dict[str, Any]]], second: int, code: ExitCode
) -> None:
    script = scripted(lambda decides: judgement(second if decides else 65))

    ended, told = replayed(script)

    assert ended == code
    assert [case["judge"]["score"] for case in told["cases"]] == [65, 65]
    assert [case["adjudication"]["score"] for case in told["cases"]] == [second, second]
    assert all(case["score"] <= second for case in told["cases"])
    assert told["summary"]["adjudicated"] == 2


@pytest.mark.parametrize("profile", ["strict", "balanced", "lenient"])
def test_a_score_is_held_to_the_profiles_threshold(
    replayed: Callable[..., tuple[int, dict[str, Any]]], profile: str
) -> None:
    script = scripted(lambda _: judgement(60))

    code, told = replayed(script, "--judge-profile", profile, "--adjudication-band", "0,1")

    assert told["config"]["judgeThreshold"] == {"strict": 72, "balanced": 62, "lenient": 52}[profile]
    assert code == (ExitCode.DONE if profile == "lenient" else ExitCode.ERROR)
    assert failures(told) == ({} if profile == "lenient" else {"draft_quality_error": 2})


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"<html>it works</html>", id="no JSON"),
        pytest.param(completion("well, 80 or so"), id="prose"),
        pytest.param(completion(json.dumps({"score": 80})), id="reasons missing"),
        pytest.param(judgement("80"), id="a word for a number"),
        pytest.param(judgement(101), id="out of range"),
        pytest.param(judgement(True), id="a yes for a number"),
        pytest.param(completion('{"score": 80, "rea', "length"), id="cut off"),
    ],
)
def test_a_judge_that_talks_nonsense_is_charged_and_the_draft_is_kept(
    replayed: Callable[..., tuple[int, dict[str, Any]]], answer: bytes
) -> None:
    code, told = replayed(scripted(lambda _: answer))

    assert code == ExitCode.ERROR
    assert failures(told) == {"judge_error": 2}
    assert all("\n" not in case["failure"] and case["evidence"]["draft"]["model"] == "m-1" for case in told["cases"])


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"{", id="no JSON"),
        pytest.param(completion(json.dumps({"text": "hi"})), id="another schema"),
        pytest.param(completion(json.dumps({**REPLY, "body": " "})), id="an empty body"),
        pytest.param(b'{"choices": []}', id="no choice"),
    ],
)
def test_a_drafter_that_talks_nonsense_is_charged_and_its_words_are_not_repeated(
    replayed: Callable[..., tuple[int, dict[str, Any]]], answer: bytes
) -> None:
    code, told = replayed(scripted(lambda _: judgement(90), drafted=answer))

    assert code == ExitCode.ERROR
    assert failures(told) == {"draft_generation_error": 2}


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(Script(status=429, headers={"Retry-After": "0"}), id="429"),
        pytest.param(Script(status=500), id="500"),
        pytest.param(Script(claimed=100_000), id="a truncated stream"),
    ],
)
def test_an_api_that_fails_is_charged_to_each_case(
    replayed: Callable[..., tuple[int, dict[str, Any]]], script: Script
) -> None:
    code, told = replayed(script)

    assert code == ExitCode.ERROR
    assert failures(told) == {"draft_generation_error": 2}
    assert all(len(case["failure"].splitlines()) == 1 for case in told["cases"])


def test_an_api_that_hangs_for_one_case_does_not_stop_the_others(
    replayed: Callable[..., tuple[int, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLBOARD_HEARTBEAT_SECONDS", "1")
    monkeypatch.setenv("CALLBOARD_LEASE_SECONDS", "5")  # a model has three seconds, then
    script = scripted(lambda _: judgement(90))
    answer, released = script.meanwhile, threading.Event()

    def hang_once() -> None:
        if len(script.asked) == 1:
            released.wait(60)
        answer()

    script.meanwhile = hang_once
    try:
        code, told = replayed(script)
    finally:
        released.set()

    assert code == ExitCode.ERROR
    assert failures(told) == {"draft_generation_error": 1}
    assert [case["status"] for case in told["cases"]] == ["failed", "evaluated"]


def test_a_429_is_waited_for_and_the_case_is_tried_again(
    replayed: Callable[..., tuple[int, dict[str, Any]]],
) -> None:
    script = scripted(lambda _: judgement(90))
    answer = script.meanwhile

    def refuse_first() -> None:
        script.status = 429 if len(script.asked) == 1 else 200
        answer()

    script.meanwhile = refuse_first

    code, told = replayed(script, "--retries", "1", limit=1)

    assert code == ExitCode.DONE
    assert told["cases"][0]["attempts"] == 2
