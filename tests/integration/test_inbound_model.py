"""The inbound actor with a model configured: what is stored, what is asked once, what is not held open meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import dramatiq
import psycopg2
import pytest
import redis

from actors.broker import setup
from messaging.drafters import drafter_for
from messaging.model_drafter import ModelAnswerUnusable, ModelDrafter
from middleware.configuration import settings_in_force
from models.database import query
from tests.integration.correspondence import begin, mail
from tests.unit.scripted_model import Script, completion, model_api

Inbound = Callable[[str], dict[str, Any]]


@pytest.fixture
def script() -> Script:
    """What the model's API answers; a test may change it."""
    return Script()


@pytest.fixture
def inbound(
    script: Script, ledger_database: str, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Inbound]:
    """The actor's function, as a worker with a model calls it."""
    with ExitStack() as stack:
        monkeypatch.setenv("CALLBOARD_LLM_BASE_URL", stack.enter_context(model_api(script)))
        monkeypatch.setenv("CALLBOARD_LLM_MODEL", "m-1")
        settings_in_force.cache_clear()
        former = dramatiq.broker.global_broker
        setup()
        dramatiq.broker.global_broker = former
        from actors.families import inbound_post_process  # noqa: PLC0415  # it binds to the broker that setup() makes

        yield inbound_post_process.fn
        drafter = drafter_for(settings_in_force())
        assert isinstance(drafter, ModelDrafter)
        drafter.close()


def test_the_models_reply_is_kept_with_its_origin(inbound: Inbound) -> None:
    message_id = begin().receive(mail(2))[0]

    inbound(str(message_id))

    sql = "SELECT subject, prompt_key, model, length(inputs_digest), status FROM draft WHERE lead_message_id = %s"
    assert query(sql, (message_id,)) == [("Re: A call", "reply.draft.v2", "m-1", 64, "pending")]


def test_the_model_is_not_asked_again_for_a_draft_that_was_written(inbound: Inbound, script: Script) -> None:
    message_id = begin().receive(mail(2))[0]

    answers = [inbound(str(message_id)) for _ in range(2)]

    assert answers[0] == answers[1]
    assert len(script.asked) == 1


def test_no_transaction_is_open_while_the_model_is_waited_for(
    inbound: Inbound, script: Script, ledger_database: str
) -> None:
    open_ones: list[int] = []

    def look() -> None:
        connection = psycopg2.connect(ledger_database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND xact_start IS NOT NULL"
                )
                open_ones.append(cursor.fetchall()[0][0])
        finally:
            connection.close()

    script.meanwhile = look
    inbound(str(begin().receive(mail(2))[0]))

    assert open_ones == [0]


def test_an_answer_that_is_no_reply_leaves_the_lead_message_to_be_tried_again(inbound: Inbound, script: Script) -> None:
    script.body = completion(json.dumps({"subject": "A call", "body": ""}))
    message_id = begin().receive(mail(2))[0]

    with pytest.raises(ModelAnswerUnusable):
        inbound(str(message_id))

    assert query("SELECT count(*) FROM draft WHERE lead_message_id = %s", (message_id,)) == [(0,)]
    assert query("SELECT processed_at IS NULL FROM lead_message WHERE id = %s", (message_id,)) == [(True,)]
