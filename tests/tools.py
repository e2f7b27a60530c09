"""Programs that a test needs and this machine may lack: without one it is skipped, and says so; in CI it fails.

It must not know what they are run for.
"""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.unit.source_tree import ROOT


def tool(name: str) -> str:
    """The path of a program. Skips the test that asks, or fails it where the variable CI is set."""
    found = shutil.which(name)
    if found:
        return found
    missing = f"{name} is not installed (Debian: {PACKAGES.get(name, name)}); .ci/run installs it where it may"
    if os.environ.get("CI", "").lower() in ("", "0", "false"):
        pytest.skip(missing)
    pytest.fail(missing)


#: Debian's packages, where they are not called as their program.
PACKAGES = {"promtool": "prometheus", "systemd-analyze": "systemd"}


def answer(*command: str, stdin: str | None = None, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
    """What a program says at the checkout's root; its exit code is the caller's to judge."""
    return subprocess.run(
        command, cwd=ROOT, input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False
    )
