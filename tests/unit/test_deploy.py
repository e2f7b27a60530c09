"""deploy/: units and containers run commands that exist, stop no sooner than their jobs may take, and come back."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from middleware.inline import SECONDS_MAX
from policy.settings import SETTINGS, Settings
from scripts.main import build_parser
from tests.unit.source_tree import ROOT

DEPLOY: Final = ROOT / "deploy"
UNITS: Final = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text(encoding="utf-8"))
OURS: Final = [name for name, service in COMPOSE["services"].items() if service.get("image") == "callboard"]
DOCKERFILE: Final = (DEPLOY / "container" / "Dockerfile").read_text(encoding="utf-8")

DEFAULTS: Final = Settings()
#: What tells that a container works: its host's health, or the page that it is there for.
PAGES: Final = {
    "worker": f"http://127.0.0.1:{DEFAULTS.health_port}/live",
    "metrics": f"http://127.0.0.1:{DEFAULTS.metrics_port}/metrics",
}

#: Seconds between the last job's end and the process's: finishes written, claims given back, connections closed.
GRACE_S: Final = 20


def service_of(path: Path) -> dict[str, str]:
    """The [Service] section of a unit; a key that is there twice keeps its last value."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[method-assign,assignment]
    unit.read(path, encoding="utf-8")
    return dict(unit["Service"])


def needed_s(words: list[str]) -> float:
    """How long a command may take to end in order."""
    parsed = build_parser(words).parse_args(words)
    if parsed.command == "worker":
        return float(parsed.shutdown_timeout) + GRACE_S
    return SECONDS_MAX + GRACE_S if parsed.command == "tick" else 1.0


def seconds(text: str) -> float:
    return float(re.sub(r"s$", "", text))


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_unit_gives_its_command_the_time_to_end_and_starts_it_again(path: Path) -> None:
    service = service_of(path)
    program, *words = shlex.split(service["ExecStart"])

    assert program.endswith("/callboard")
    assert seconds(service["TimeoutStopSec"]) >= needed_s(words)
    assert service["Restart"] == "always"
    assert service["KillMode"] == "mixed", "SIGTERM is the master's to pass on"
    assert service["EnvironmentFile"]
    assert service["User"] != "root"


@pytest.mark.parametrize("name", OURS)
def test_container_gives_its_command_the_time_to_end_and_starts_it_again(name: str) -> None:
    service = COMPOSE["services"][name]
    words = service["command"]

    assert build_parser(words).parse_args(words).command == words[0]
    assert service["env_file"] == ["../callboard.env"]
    assert service["read_only"] is True
    if name == "migrate":
        assert service["restart"] == "no"
        return
    assert service["restart"] == "always"
    assert seconds(service["stop_grace_period"]) >= needed_s(words)


def test_worker_scheduler_and_metrics_are_there_in_both_kinds() -> None:
    units = {path.stem.removeprefix("callboard-") for path in UNITS}

    assert {"worker", "scheduler", "metrics"} <= units & set(OURS)


@pytest.mark.parametrize("name", ["worker", "metrics"])
def test_container_that_answers_over_http_is_asked_for_its_health(name: str) -> None:
    check = COMPOSE["services"][name]["healthcheck"]
    kind, program, flag, code = check["test"]
    (url,) = re.findall(r"'(http://[^']+)'", code)
    (timeout_s,) = re.findall(r"timeout=(\d+)", code)

    assert (kind, program, flag) == ("CMD", "python", "-c")
    compile(code, name, "exec")
    assert url == PAGES[name]
    assert float(timeout_s) < seconds(check["timeout"]), "the check ends by itself"
    assert seconds(check["timeout"]) <= seconds(check["interval"])


def test_worker_is_not_called_unhealthy_while_it_starts() -> None:
    check = COMPOSE["services"]["worker"]["healthcheck"]

    assert seconds(check["start_period"]) >= 60


def test_image_names_the_ports_that_its_processes_listen_on() -> None:
    (exposed,) = re.findall(r"^EXPOSE (.+)$", DOCKERFILE, re.MULTILINE)

    assert set(exposed.split()) == {str(DEFAULTS.metrics_port), str(DEFAULTS.health_port)}


def test_redis_keeps_what_it_was_given() -> None:
    command = COMPOSE["services"]["redis"]["command"]

    assert command[command.index("--appendonly") + 1] == "yes"
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def test_metrics_shares_home_and_processes_with_the_scheduler_whose_counts_it_shows() -> None:
    metrics, scheduler = COMPOSE["services"]["metrics"], COMPOSE["services"]["scheduler"]

    assert metrics["pid"] == "service:scheduler"
    assert metrics["volumes"] == scheduler["volumes"]


def test_worker_may_be_scaled_because_each_has_a_home_of_its_own() -> None:
    worker = COMPOSE["services"]["worker"]

    assert "volumes" not in worker
    assert any(one.startswith("/var/lib/callboard") for one in worker["tmpfs"])


def test_image_runs_as_nobody_in_particular_and_gets_its_signals() -> None:
    lines = [line for line in DOCKERFILE.splitlines() if line and not line.startswith(("#", " "))]
    last_stage = lines[max(at for at, line in enumerate(lines) if line.startswith("FROM ")) :]

    (entrypoint,) = [line for line in last_stage if line.startswith("ENTRYPOINT")]
    assert entrypoint == 'ENTRYPOINT ["callboard"]'
    assert any(re.fullmatch(r"USER [1-9]\d*", line) for line in last_stage)
    assert "STOPSIGNAL SIGTERM" in last_stage
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert all(":" in base and not base.endswith(":latest") for base in bases)


def test_what_the_image_is_made_of_is_all_that_is_installed() -> None:
    ignored = (DEPLOY / "container" / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    packages = {name for name in setup["options.packages.find"]["include"].split() if "." not in name}

    sent = {line[1:] for line in ignored if line.startswith("!")}

    assert packages <= sent
    assert sent - packages == {"setup.cfg", "pyproject.toml", "README.md"}


def test_example_names_settings_that_exist() -> None:
    lines = (DEPLOY / "callboard.env.example").read_text(encoding="utf-8").splitlines()
    names = [line.partition("=")[0] for line in lines if line and not line.startswith("#")]

    assert set(names) <= {setting.name for setting in SETTINGS}
    assert {"CALLBOARD_DATABASE_URL", "CALLBOARD_REDIS_URL"} <= set(names)
