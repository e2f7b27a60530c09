"""The judge that asks a model about each draft, and who adjudicates when it is not sure. It must not know rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from messaging.drafters import model_timeout_s
from messaging.replay.cases import HistoryLine, Judgement, Produced, ReplayCase
from messaging.replay.judge_prompt import JUDGE_SYSTEM_PROMPT, JUDGEMENT_SCHEMA, judge_question
from policy.errors import CallboardError
from policy.settings import Settings

#: Tokens that a judgement may have: five sentences, and the JSON around them.
_JUDGEMENT_TOKENS = 600
#: Reasons that are kept, and characters of each.
_REASONS = 5
_REASON_CHARS = 300


class JudgementUnusable(CallboardError):
    """The judge's answer is no judgement; another one may be.

    Acts: nobody; the case is judged again, or charged with judge_error.
    """


class JudgeFailed(CallboardError):
    """The judge gave no judgement; `from` says why.

    Acts: nobody; the case is judged again, or charged with judge_error.
    """


class Judge(Protocol):
    """Says how far a draft can be trusted to go out. `first` is a borderline judgement to be decided."""

    def judge(
        self, case: ReplayCase, produced: Produced, history: Sequence[HistoryLine], first: Judgement | None, /
    ) -> Judgement: ...


class ModelJudge:
    """Asks a model. Safe to share between threads."""

    def __init__(self, base_url: str, model: str, api_key: str | None, *, timeout_s: float) -> None:
        # Here, because the client takes a second to import, and a replay without a judge never asks.
        from messaging.model_client import ModelClient, ModelEndpoint  # noqa: PLC0415

        self._client = ModelClient(ModelEndpoint(base_url, model, api_key), timeout_s=timeout_s)

    def judge(
        self, case: ReplayCase, produced: Produced, history: Sequence[HistoryLine], first: Judgement | None
    ) -> Judgement:
        """The model's judgement. Raises JudgementUnusable, and what `ModelClient.ask` raises."""
        from messaging.model_client import Question  # noqa: PLC0415  # as above

        asked = judge_question(case, produced, history, first)
        answer = self._client.ask(
            Question(JUDGE_SYSTEM_PROMPT, asked, "judgement", JUDGEMENT_SCHEMA, _JUDGEMENT_TOKENS)
        )
        return read_judgement(answer)

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()


def judge_for(settings: Settings) -> ModelJudge | None:
    """The judge if a model's base URL and name are set, else none. Connects nothing."""
    if settings.llm_base_url is None or settings.llm_model is None:
        return None
    return ModelJudge(
        settings.llm_base_url, settings.llm_model, settings.llm_api_key, timeout_s=model_timeout_s(settings)
    )


def read_judgement(answer: dict[str, Any]) -> Judgement:
    """The judgement that an answer's object is. Raises JudgementUnusable."""
    score, reasons = answer.get("score"), answer.get("reasons")
    if not isinstance(score, int) or isinstance(score, bool) or not isinstance(reasons, list) or len(answer) != 2:
        raise JudgementUnusable("the judgement is not of the schema: an object of `score` and `reasons`")
    if not all(isinstance(reason, str) for reason in reasons):
        raise JudgementUnusable("the judgement is not of the schema: `reasons` holds something that is no text")
    if not 0 <= score <= 100:
        raise JudgementUnusable(f"the judgement's score is {score}, which is not from 0 to 100")
    return Judgement(score, tuple(reason.strip()[:_REASON_CHARS] for reason in reasons[:_REASONS]))
