"""Asks an OpenAI-compatible API one question, or which models it has, and checks the form of its one answer.

Nothing is tried twice here: what fails is raised, and the rules of `policy.rules` judge it as any failure of a job.
What was asked and answered stands in no error and in no log line. It must not know what is asked, rows or settings.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import Any

import openai

from messaging.model_deadline import deadline, under_deadline
from policy.errors import CallboardError

#: Bytes of an answer that are read: a lying endpoint may send for ever.
_ANSWER_BYTES = 1_000_000
#: Seconds for the connection alone: an endpoint that is up answers at once.
_CONNECT_S = 5.0

#: Loggers of the client and of what it stands on: below WARNING they tell of every request, with its URL.
_TALKATIVE = ("openai", "httpx", "httpx2", "httpcore", "httpcore2")


class ModelAnswerUnusable(CallboardError):
    """The model's answer is not what was asked for; another one may be.

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


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and the form of the answer: `schema` under its name, at most `tokens` long.

    `noun` is what errors call the answer: `reply`, `judgement`.
    """

    system: str
    text: str
    noun: str
    schema: dict[str, Any]
    tokens: int


class ModelClient:
    """One model at one endpoint, on a connection for each question. Safe to share between threads."""

    def __init__(self, endpoint: ModelEndpoint, *, timeout_s: float) -> None:
        """`timeout_s` is for the whole, from the connection to the answer's last byte. Connects nothing.

        Raises ValueError for a URL that the HTTP client takes for none.
        """
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
        self.model = endpoint.model
        self._timeout_s = timeout_s
        self._client = _opened(endpoint, timeout_s)
        # The client names its platform in every request and runs a program to find out: now, not among the questions.
        _ = self._client.default_headers

    def ask(self, question: Question) -> dict[str, Any]:
        """The answer's object. Raises ModelAnswerUnusable, ModelRefused, the client's errors of connection and time.

        Those are openai.APIConnectionError (APITimeoutError among them), TimeoutError for an answer that takes too
        long in all, and what the HTTP client raises where an answer breaks off.
        """
        try:
            answer = self._ask(question)
        except openai.APIStatusError as error:
            raise _refused(error) from None
        return answered_object(answer, question.noun, question.tokens)

    def listed_models(self) -> frozenset[str] | None:
        """The names of all models that the API lists; None where its answer is no list, an empty one or a part of one.

        Raises ModelRefused, also where the API knows no list, openai.APIConnectionError, TimeoutError, and UnicodeError
        for a host that no name can be. The answer's size is bounded by the time alone.
        """
        try:
            with deadline(self._timeout_s):
                return listed_names(self._client.models.with_raw_response.list().content)
        except openai.APIStatusError as error:
            raise _refused(error) from None

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def _ask(self, question: Question) -> bytes:
        """The answer's bytes, within the time for the whole and the size for any."""
        pieces = bytearray()
        with (
            deadline(self._timeout_s),
            self._client.chat.completions.with_streaming_response.create(
                model=self.model,
                messages=[{"role": "system", "content": question.system}, {"role": "user", "content": question.text}],
                # Not `max_tokens`, which newer models refuse; where neither is known, time and size are the limits.
                max_completion_tokens=question.tokens,
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": question.noun, "strict": True, "schema": question.schema},
                },
            ) as response,
        ):
            for piece in response.iter_bytes():
                pieces += piece
                if len(pieces) > _ANSWER_BYTES:
                    raise ModelAnswerUnusable(f"the model's answer is longer than {_ANSWER_BYTES} bytes")
        return bytes(pieces)


def _opened(endpoint: ModelEndpoint, timeout_s: float) -> openai.OpenAI:
    try:
        return openai.OpenAI(
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
    except Exception as error:
        # The client's InvalidURL is no ValueError, and which client there is openai decides.
        if type(error).__name__ != "InvalidURL":
            raise
        raise ValueError(str(error)) from error


def _refused(error: openai.APIStatusError) -> ModelRefused:
    """To be raised in its place, not chained: its text is the answer's."""
    return ModelRefused(error.status_code, error.response.headers.get("Retry-After"))


def listed_names(answer: bytes) -> frozenset[str] | None:
    """The names in an API's list of models; None for what is no list, an empty one, or a page that others follow."""
    try:
        told = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    match told:
        case {"has_more": True}:
            return None
        case {"data": [*models]}:
            named = (model.get("id") for model in models if isinstance(model, dict))
            return frozenset(name for name in named if isinstance(name, str)) or None
        case _:
            return None


def answered_object(answer: bytes, noun: str, tokens: int) -> dict[str, Any]:
    """The JSON object that the first choice of an API's answer says. Raises ModelAnswerUnusable."""
    return _object(_content(_object(answer, "the API's answer"), noun, tokens), f"the model's {noun}")


def _content(answer: dict[str, Any], noun: str, tokens: int) -> str:
    """The text of the first choice, if it is whole."""
    match answer.get("choices"):
        case [{"finish_reason": "length"}, *_]:
            raise ModelAnswerUnusable(f"the model's {noun} was cut off (at most {tokens} tokens)")
        case [{"finish_reason": "content_filter"}, *_]:
            raise ModelAnswerUnusable(f"the model's {noun} was withheld by its content filter")
        case [{"message": {"refusal": str(refusal)}}, *_] if refusal:
            raise ModelAnswerUnusable(f"the model refused to write a {noun}")
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
