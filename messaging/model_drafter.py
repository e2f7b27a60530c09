"""The drafter that asks a model for each reply, and checks what it wrote. It must not know HTTP, rows or settings."""

from __future__ import annotations

from typing import Any

from messaging.drafts import DraftRequest, DraftText, inputs_digest, reply_subject
from messaging.model_client import (
    ModelAnswerUnusable,
    ModelClient,
    ModelEndpoint,
    ModelRefused,
    Question,
    answered_object,
)
from messaging.patterns import regex
from messaging.reply_prompt import ANSWER_SCHEMA, PROMPT_KEY, SYSTEM_PROMPT, question

__all__ = ["ModelAnswerUnusable", "ModelDrafter", "ModelEndpoint", "ModelRefused", "read_answer"]

#: Tokens that an answer may have: some 800 words, and the JSON around them.
ANSWER_TOKENS = 1_200
#: Characters of a subject that is kept; longer ones are no subject.
_SUBJECT_CHARS = 200

#: What neither a mail nor a row can carry: control characters but tab and line ends, and half characters.
_UNSENDABLE = regex(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class ModelDrafter:
    """Asks a model for each reply. Safe to share between threads."""

    def __init__(self, endpoint: ModelEndpoint, *, timeout_s: float) -> None:
        """`timeout_s` is for the whole, from the connection to the answer's last byte. Connects nothing."""
        self._client = ModelClient(endpoint, timeout_s=timeout_s)

    def draft(self, request: DraftRequest) -> DraftText:
        """The model's reply. Raises what `ModelClient.ask` raises."""
        answer = self._client.ask(Question(SYSTEM_PROMPT, question(request), "reply", ANSWER_SCHEMA, ANSWER_TOKENS))
        subject, body = _read_reply(answer)
        return DraftText(
            subject=reply_subject(subject or request.inbound_subject),
            body=body + "\n",
            prompt_key=PROMPT_KEY,
            model=self._client.model,
            inputs_digest=inputs_digest(request),
        )

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()


def read_answer(answer: bytes) -> tuple[str, str]:
    """Subject (perhaps empty) and body of an API's answer. Raises ModelAnswerUnusable."""
    return _read_reply(answered_object(answer, "reply", ANSWER_TOKENS))


def _read_reply(reply: dict[str, Any]) -> tuple[str, str]:
    subject, body = reply.get("subject"), reply.get("body")
    if not isinstance(subject, str) or not isinstance(body, str) or len(reply) != len(ANSWER_SCHEMA["required"]):
        raise ModelAnswerUnusable(
            "the model's reply is not of the schema: an object of `subject` and `body`, both text"
        )
    if not body.strip():
        raise ModelAnswerUnusable("the model's reply has an empty body")
    if _UNSENDABLE.search(subject + body):
        raise ModelAnswerUnusable("the model's reply holds characters that no mail can carry")
    if len(subject) > _SUBJECT_CHARS:
        raise ModelAnswerUnusable(f"the model's subject is longer than {_SUBJECT_CHARS} characters")
    return subject.strip(), body.strip()
