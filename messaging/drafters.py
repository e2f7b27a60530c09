"""Which drafter writes the replies: the deterministic one, or a model's where one is configured."""

from __future__ import annotations

from functools import lru_cache

from messaging.drafts import DeterministicDrafter, Drafter
from policy.settings import Settings

#: The model's answer is there before the lease ends, with room for the rows around it; in s, and as a share.
MODEL_TIMEOUT_S = 60.0
_LEASE_SHARE = 0.6


@lru_cache(maxsize=1)  # a model's client takes its time to make
def drafter_for(settings: Settings) -> Drafter:
    """The model's drafter if base URL and model are both set, else the deterministic one. Connects nothing."""
    if settings.llm_base_url is None or settings.llm_model is None:
        return DeterministicDrafter()
    # Here, because the client takes a second to import, and most processes never ask a model.
    from messaging.model_drafter import ModelDrafter, ModelEndpoint  # noqa: PLC0415

    endpoint = ModelEndpoint(settings.llm_base_url, settings.llm_model, settings.llm_api_key)
    return ModelDrafter(endpoint, timeout_s=model_timeout_s(settings))


def model_timeout_s(settings: Settings) -> float:
    """How long one answer of the model may take, in seconds."""
    return min(MODEL_TIMEOUT_S, settings.lease_s * _LEASE_SHARE)
