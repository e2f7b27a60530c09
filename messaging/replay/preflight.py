"""What must stand before a case is begun: database, schema, model endpoint and key. Gives one line, or nothing.

It must not know cases: what is wrong here is charged to none.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import Any

import psycopg2

from middleware.configuration import connect_database
from models.migrate import MigrationChanged, missing_migrations
from policy.diagnosis import half_of_a_model
from policy.errors import ServersNotFound
from policy.settings import Settings

#: Seconds for the endpoint's word that it is there: it answers at once, or it is not well.
_ENDPOINT_S = 10.0
#: HTTP statuses by which an API refuses a key.
_KEY_REFUSED = frozenset({401, 403})


def preflight(settings: Settings, *, model: bool) -> str | None:
    """What is wrong, in one line with what to do; None when all is well. `model`: drafts will be asked of one."""
    return _database(settings) or (_model(settings) if model else None)


def _database(settings: Settings) -> str | None:
    try:
        connect_database(settings)
        missing = missing_migrations()
    except ServersNotFound as error:
        return str(error)
    except MigrationChanged as error:
        return f"schema: {error}"
    except psycopg2.Error as error:
        said = " ".join(str(error).split()) or type(error).__name__
        return f"cannot use PostgreSQL ({said}): start it, or correct CALLBOARD_DATABASE_URL"
    if missing:
        names = ", ".join(f"{one.version:04} {one.name}" for one in missing)
        return f"the schema is behind ({names}): run `callboard migrate`"
    return None


def _model(settings: Settings) -> str | None:
    """Whether it is configured as a whole or not at all, and its endpoint speaks HTTP and takes the key.

    What the endpoint makes of a question, the cases will show.
    """
    if (half := half_of_a_model(settings)) is not None:
        return f"{half.text}. {half.remedy}"
    if settings.llm_base_url is None or settings.llm_model is None:
        return None
    try:
        status = _status(settings.llm_base_url, settings.llm_api_key)
    except (OSError, http.client.HTTPException, ValueError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        return f"cannot reach the model at CALLBOARD_LLM_BASE_URL ({said}): start it, or correct the URL"
    if status in _KEY_REFUSED:
        what = "refuses CALLBOARD_LLM_API_KEY" if settings.llm_api_key else "wants a key: set CALLBOARD_LLM_API_KEY"
        return f"the model's API {what} (HTTP {status})"
    return None


def _status(base_url: str, api_key: str | None) -> int:
    """The API's status for its list of models, which every such API has or does not know; nothing else is sent."""
    headers = {"Authorization": f"Bearer {api_key or 'none'}", "Accept": "application/json"}
    asked = urllib.request.Request(f"{base_url.rstrip('/')}/models", headers=headers)  # the settings allow http(s) only
    try:
        with urllib.request.build_opener(_NoRedirect).open(asked, timeout=_ENDPOINT_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A key goes to the configured address, and nowhere that it may point to."""

    def redirect_request(self, *_: Any) -> None:
        return None
