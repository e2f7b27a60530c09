"""How a Python process of ours finds our packages, wherever it is started."""

from __future__ import annotations

import os
from pathlib import Path

#: The folder that holds our top-level packages, installed or checked out.
_ROOT = Path(__file__).resolve().parent.parent


def environ_for_own_modules() -> dict[str, str]:
    """Our environment, with our packages first on the path."""
    before = os.environ.get("PYTHONPATH")
    return dict(os.environ) | {"PYTHONPATH": os.pathsep.join([str(_ROOT), *([before] if before else [])])}
