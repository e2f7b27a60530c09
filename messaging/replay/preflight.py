"""What must stand before a case is begun: database, schema, model, endpoint, key. Gives one line, or nothing.

It must not know cases: what is wrong here is charged to none.
"""

from __future__ import annotations

from contextlib import closing
from difflib import get_close_matches

import psycopg2

from middleware.configuration import connect_database
from middleware.logs import event
from models.migrate import MigrationChanged, missing_migrations
from policy.diagnosis import half_of_a_model
from policy.errors import ServersNotFound
from policy.settings import Settings

#: Seconds for the endpoint's word that it is there: it answers at once, or it is not well.
_ENDPOINT_S = 10.0
#: HTTP statuses by which an API refuses a key.
_KEY_REFUSED = frozenset({401, 403})
#: Listed names that are shown where the model's is not among them, those that are most like it, and characters of each.
_NAMES_SHOWN, _NAME_CHARS = 5, 100


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
    if not (settings.llm_api_key or "").isascii():
        return "CALLBOARD_LLM_API_KEY holds a character that is not ASCII, which no header can hold: correct it"
    return _endpoint(settings.llm_base_url, settings.llm_model, settings.llm_api_key)


def _endpoint(base_url: str, model: str, api_key: str | None) -> str | None:
    """Asks for the list of models, which every such API has or does not know; nothing else is sent."""
    # Here, because the client takes a second to import, and most replays ask no model.
    import openai  # noqa: PLC0415

    from messaging.model_client import ModelClient, ModelEndpoint, ModelRefused  # noqa: PLC0415

    try:
        with closing(ModelClient(ModelEndpoint(base_url, model, api_key), timeout_s=_ENDPOINT_S)) as client:
            _warn_if_unlisted(model, client.listed_models())
        return None
    except ModelRefused as refused:
        if refused.status_code not in _KEY_REFUSED:
            return None
        what = "refuses CALLBOARD_LLM_API_KEY" if api_key else "wants a key: set CALLBOARD_LLM_API_KEY"
        return f"the model's API {what} (HTTP {refused.status_code})"
    except (openai.APIConnectionError, OSError, ValueError) as error:  # ValueError: no URL, or no host
        cause = error.__cause__ or error
        said = " ".join(str(cause).split()) or type(cause).__name__
        return f"cannot reach the model at CALLBOARD_LLM_BASE_URL ({said}): start it, or correct the URL"


def _warn_if_unlisted(model: str, listed: frozenset[str] | None) -> None:
    """A warning, not a failure: some APIs take names that their list does not have, a deployment's or an alias."""
    # Ollama lists its models with their tags and takes a name without one for the latest.
    if listed is None or not listed.isdisjoint({model, f"{model}:latest"}):
        return
    nearest = get_close_matches(model, sorted(name[:_NAME_CHARS] for name in listed), _NAMES_SHOWN, cutoff=0)
    event("model_unlisted", "WARNING", model=model, nearest=sorted(nearest), listed=len(listed))
