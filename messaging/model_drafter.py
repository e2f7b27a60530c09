"""The drafter that asks a model: one request to an OpenAI-compatible API, one checked answer.

Nothing is tried twice here: what fails is raised, and the rules of `policy.rules` judge it as any failure of a job.
What was asked and answered stands in no error and in no log line. It must not know rows or settings.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass, field
from typing import Any

import openai

from messaging.drafts import DraftRequest, DraftText, inputs_digest, reply_subject
from messaging.model_deadline import deadline, under_deadline
from messaging.reply_prompt import ANSWER_SCHEMA, PROMPT_KEY, SYSTEM_PROMPT, question
from policy.errors import CallboardError

#: Tokens that an answer may have: some 800 words, and the JSON around them.
ANSWER_TOKENS = 1_200
#: Bytes of an answer that are read: a lying endpoint may send for ever.
_ANSWER_BYTES = 1_000_000
#: Seconds for the connection alone: an endpoint that is up answers at once.
_CONNECT_S = 5.0
#: Characters of a subject that is kept; longer ones are no subject.
_SUBJECT_CHARS = 200

#: What neither a mail nor a row can carry: control characters but tab and line ends, and half characters.
_UNSENDABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
#: Loggers of the client and of what it stands on: below WARNING they tell of every request, with its URL.
_TALKATIVE = ("openai", "httpx", "httpx2", "httpcore", "httpcore2")


class ModelAnswerUnusable(CallboardError):
    """The model's answer is no reply; another one may be.

    The message says what is wrong with it, never what it says.
    Acts: nobody; the job is tried again. An operator, when it stays so.
    """


class ModelRefused(CallboardError):
    """The model's API refused the request.

    `status_code` and `headers` (only `Retry-After`) are what the rules judge by: the client's own error would carry
    the answer's text, which may repeat the lead's.
    Acts: as `policy.rules` says of the status; an operator for a wrong key, URL or model.
    """

    def __init__(self, status_code: int, retry_after: str | None) -> None:
        super().__init__(f"the model's API answered HTTP {status_code}")
        self.status_code = status_code
        self.headers = {} if retry_after is None else {"Retry-After": retry_after}


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """Where which model is asked. Endpoints of one's own often want no key."""

    base_url: str
    model: str
    api_key: str | None = field(default=None, repr=False)


class ModelDrafter:
    """Asks a model for each reply, on a connection of its own. Safe to share between threads."""

    def __init__(self, endpoint: ModelEndpoint, *, timeout_s: float) -> None:
        """`timeout_s` is for the whole, from the connection to the answer's last byte. Connects nothing."""
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._model = endpoint.model
        self._timeout_s = timeout_s
        self._client = openai.OpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key or "none",
            max_retries=0,
            timeout=openai.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
            # What a lead wrote goes to the configured address, and nowhere that it may point to.
            # A connection for each request, so that its deadline ends that one and no other.
            http_client=openai.DefaultHttpxClient(
                follow_redirects=False,
                headers={"Connection": "close"},
                event_hooks={"request": [under_deadline]},
            ),
        )

    def draft(self, request: DraftRequest) -> DraftText:
        """The model's reply. Raises ModelAnswerUnusable, ModelRefused, and the client's errors of connection and time.

        Those are openai.APIConnectionError (APITimeoutError among them), TimeoutError for an answer that takes too
        long in all, and what the HTTP client raises where an answer breaks off.
        """
        try:
            answer = self._ask(question(request))
        except openai.APIStatusError as error:
            # Not chained: its text is the answer's.
            raise ModelRefused(error.status_code, error.response.headers.get("Retry-After")) from None
        subject, body = read_answer(answer)
        return DraftText(
            subject=reply_subject(subject or request.inbound_subject),
            body=body + "\n",
            prompt_key=PROMPT_KEY,
            model=self._model,
            inputs_digest=inputs_digest(request),
        )

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def _ask(self, asked: str) -> bytes:
        """The answer's bytes, within the time for the whole and the size for any."""
        pieces = bytearray()
        with (
            deadline(self._timeout_s),
            self._client.chat.completions.with_streaming_response.create(
                model=self._model,
                messages=[{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": asked}],
                # Not `max_tokens`, which newer models refuse; where neither is known, time and size are the limits.
                max_completion_tokens=ANSWER_TOKENS,
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "reply", "strict": True, "schema": ANSWER_SCHEMA},
                },
            ) as response,
        ):
            for piece in response.iter_bytes():
                pieces += piece
                if len(pieces) > _ANSWER_BYTES:
                    raise ModelAnswerUnusable(f"the model's answer is longer than {_ANSWER_BYTES} bytes")
        return bytes(pieces)


def read_answer(answer: bytes) -> tuple[str, str]:
    """Subject (perhaps empty) and body of an API's answer. Raises ModelAnswerUnusable."""
    reply = _object(_content(_object(answer, "the API's answer")), "the model's reply")
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


def _content(answer: dict[str, Any]) -> str:
    """The text of the first choice, if it is whole."""
    match answer.get("choices"):
        case [{"finish_reason": "length"}, *_]:
            raise ModelAnswerUnusable(f"the model's reply was cut off (at most {ANSWER_TOKENS} tokens)")
        case [{"finish_reason": "content_filter"}, *_]:
            raise ModelAnswerUnusable("the model's reply was withheld by its content filter")
        case [{"message": {"refusal": str(refusal)}}, *_] if refusal:
            raise ModelAnswerUnusable("the model refused to write a reply")
        case [{"message": {"content": str(content)}}, *_]:
            return content
        case _:
            raise ModelAnswerUnusable("the API's answer is not of its schema: no choice with a text")


def _object(text: str | bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        # Not chained: the decoder's error holds the whole text.
        raise ModelAnswerUnusable(f"{what} is not JSON") from None
    if not isinstance(value, dict):
        raise ModelAnswerUnusable(f"{what} is not a JSON object")
    return value
