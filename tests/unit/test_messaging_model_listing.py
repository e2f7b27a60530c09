"""The models that an API lists: asked for with the key, told apart from an API that has no list."""

from __future__ import annotations

import socket
import time

import openai
import pytest

from messaging.model_client import ModelClient, ModelEndpoint, ModelRefused
from tests.unit.scripted_model import Script, listing, model_api


def listed_by(script: Script, timeout_s: float = 10.0) -> frozenset[str] | None:
    with model_api(script) as base_url:
        client = ModelClient(ModelEndpoint(base_url, "m-1", "s3cret"), timeout_s=timeout_s)
        try:
            return client.listed_models()
        finally:
            client.close()


def test_names_are_read_from_the_list_and_only_the_key_is_shown() -> None:
    script = Script(listing_status=200, listing=listing("m-1", "m-2"))

    names = listed_by(script)

    assert names == frozenset({"m-1", "m-2"})
    assert (script.paths, script.keys, script.asked) == (["/v1/models"], ["Bearer s3cret"], [])


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>welcome</html>", id="a page"),
        pytest.param(b"[" * 100_000, id="brackets"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b'{"data": "m-1"}', id="no list"),
        pytest.param(b'{"data": [{"id": 1}, "m-1"]}', id="no names"),
        pytest.param(listing(), id="an empty list"),
        pytest.param(listing("m-1", has_more=True), id="one page of several"),
    ],
)
def test_what_is_no_whole_list_of_names_is_none(body: bytes) -> None:
    assert listed_by(Script(listing_status=200, listing=body)) is None


@pytest.mark.parametrize("status", [302, 401, 404, 500])
def test_refusal_is_told_by_its_status(status: int) -> None:
    with pytest.raises(ModelRefused) as refused:
        listed_by(Script(listing_status=status, listing=b"s3cret"))

    assert refused.value.status_code == status
    assert "s3cret" not in str(refused.value)


def test_api_that_is_silent_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = ModelEndpoint(f"http://127.0.0.1:{silent.getsockname()[1]}/v1", "m-1")
        client = ModelClient(endpoint, timeout_s=0.2)
        began_s = time.monotonic()
        with pytest.raises((openai.APIConnectionError, TimeoutError)):
            client.listed_models()
        client.close()

    assert time.monotonic() - began_s < 5
