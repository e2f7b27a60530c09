"""Which code this process runs: the version of the installed distribution, and the commit where there is one."""

from __future__ import annotations

import os
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version


@lru_cache(maxsize=1)
def code_version() -> str:
    """`CALLBOARD_CODE_VERSION` if the deployment sets it, else the distribution's version."""
    stated = os.environ.get("CALLBOARD_CODE_VERSION", "").strip()
    if stated:
        return stated[:64]
    try:
        return version("callboard")
    except PackageNotFoundError:
        return "unknown"
