"""The console script as the shell sees it: the installed command, its exit codes, its manners with pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

#: A command that has hung is a failure, not a wait.
DEADLINE_S: Final = 30
CALLBOARD: Final = Path(sys.executable).with_name("callboard")


def callboard(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The command, in an environment without any setting but those given."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("CALLBOARD_")}
    return subprocess.run(
        [CALLBOARD, *arguments],
        env=plain | environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def test_config_answers_without_any_server(tmp_path: Path) -> None:
    ended = callboard("config", "--json", CALLBOARD_HOME=str(tmp_path), CALLBOARD_CRON_SECRET="curtain")

    printed = json.loads(ended.stdout)
    assert ended.returncode == 0
    assert printed["CALLBOARD_HOME"] == str(tmp_path)
    assert "curtain" not in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "environ", "code"),
    [
        pytest.param(["rehearse"], {}, 2, id="unknown command"),
        pytest.param(["config", "--yaml"], {}, 2, id="unknown option"),
        pytest.param(["config"], {"CALLBOARD_LEASE_SECONDS": "soon"}, 2, id="setting not of its kind"),
    ],
)
def test_mistake_is_one_line_on_standard_error(arguments: list[str], environ: dict[str, str], code: int) -> None:
    ended = callboard(*arguments, **environ)

    assert ended.returncode == code
    assert ended.stdout == ""
    assert ended.stderr.startswith("callboard")
    assert ended.stderr.count("\n") == 1


def test_reader_that_leaves_is_met_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)

    ended = subprocess.run(
        [CALLBOARD, "config"], stdout=writing, stderr=subprocess.PIPE, timeout=DEADLINE_S, check=False
    )
    os.close(writing)

    assert ended.returncode == 141
    assert ended.stderr == b""
