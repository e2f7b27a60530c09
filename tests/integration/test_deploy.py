"""The units and the compose file before their own checkers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.tools import answer, tool
from tests.unit.source_tree import ROOT

DEPLOY = ROOT / "deploy"


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    program = tool("systemd-analyze")
    for path in (DEPLOY / "systemd").glob("*.service"):
        # It looks for the program, and the checkout's is elsewhere.
        text = path.read_text(encoding="utf-8").replace("/opt/callboard/.venv/bin/callboard", sys.executable)
        (tmp_path / path.name).write_text(text, encoding="utf-8")

    checked = answer(program, "verify", *map(str, tmp_path.glob("*.service")))

    assert (checked.returncode, checked.stderr) == (0, "")


def test_systemd_refuses_a_unit_that_is_wrong(tmp_path: Path) -> None:
    unit = tmp_path / "wrong.service"
    unit.write_text("[Service]\nExecStart=relative/program\n", encoding="utf-8")

    checked = answer(tool("systemd-analyze"), "verify", str(unit))

    assert checked.stderr != ""


def test_compose_accepts_the_services(tmp_path: Path) -> None:
    program = tool("docker-compose")
    for folder in ("container", "prometheus"):
        shutil.copytree(DEPLOY / folder, tmp_path / "deploy" / folder)
    shutil.copy(DEPLOY / "callboard.env.example", tmp_path / "deploy" / "callboard.env")

    checked = subprocess.run(
        [program, "-f", str(tmp_path / "deploy" / "container" / "compose.yaml"), "config", "--quiet"],
        env={"POSTGRES_PASSWORD": "secret", "PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert checked.returncode == 0, checked.stderr
