"""Prints as JSON what the Python that runs it would talk to Redis with: `python -m benchmarks.client`."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version

from redis.utils import HIREDIS_AVAILABLE


def main() -> int:
    """Versions, and which parser of replies redis-py chooses by itself."""
    parser = f"hiredis {version('hiredis')}" if HIREDIS_AVAILABLE else "python"
    print(json.dumps({"dramatiq": version("dramatiq"), "redis": version("redis"), "parser": parser}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
