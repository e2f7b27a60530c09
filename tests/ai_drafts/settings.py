"""Which drafter the suite takes: the one that a worker in this environment would have."""

from __future__ import annotations

import os
from functools import lru_cache

from policy.settings import Settings, read


@lru_cache(maxsize=1)
def suite_settings() -> Settings:
    """The settings of the environment, of which the suite reads the model's alone. Raises SettingInvalid."""
    ours = {name: value for name, value in os.environ.items() if name.startswith("CALLBOARD_LLM_")}
    return read(ours)[0]
