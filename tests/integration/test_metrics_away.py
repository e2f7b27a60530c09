"""`callboard metrics` answers in time while its servers are away or say nothing; `--once` prints the page."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from scripts import main
from scripts.exits import ExitCode
from tests.integration.metrics_host import DEADLINE_S, Host, free_port, until


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with ExitStack() as processes:
        yield Host(tmp_path, processes)


@pytest.fixture(params=["closed", "silent"])
def nobody(request: pytest.FixtureRequest) -> Iterator[int]:
    """A port where nobody listens, and one where somebody takes connections and never says a word."""
    with socket.socket() as listener:
        if request.param == "closed":
            yield free_port()
            return
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield int(listener.getsockname()[1])


def serving(host: Host, database_url: str, redis_url: str) -> subprocess.Popen[str]:
    return host.start(
        *("-m", "scripts.main", "metrics"),
        CALLBOARD_DATABASE_URL=database_url,
        CALLBOARD_REDIS_URL=redis_url,
    )


def test_page_comes_while_both_servers_are_away(host: Host, nobody: int) -> None:
    host.counting("metrics.job_dispatched('act', 'api')")
    serving(host, f"postgresql://x@127.0.0.1:{nobody}/x", f"redis://127.0.0.1:{nobody}/0")

    numbers = host.numbers()

    assert numbers["callboard_ledger_readable"] == 0
    assert numbers["callboard_redis_readable"] == 0
    assert numbers["callboard_jobs_dispatched_total"] == 1
    assert "callboard_workers_alive" not in numbers


def test_ledger_is_read_while_redis_is_away(host: Host, ledger_database: str, nobody: int) -> None:
    serving(host, ledger_database, f"redis://127.0.0.1:{nobody}/0")

    numbers = host.numbers()

    assert (numbers["callboard_ledger_readable"], numbers["callboard_redis_readable"]) == (1, 0)
    assert numbers["callboard_workers_alive"] == 0


def test_redis_is_read_while_the_ledger_is_away(host: Host, redis_url: str, nobody: int) -> None:
    serving(host, f"postgresql://x@127.0.0.1:{nobody}/x", redis_url)

    numbers = host.numbers()

    assert (numbers["callboard_ledger_readable"], numbers["callboard_redis_readable"]) == (0, 1)


def test_endpoint_of_its_own_ends_in_order(host: Host, ledger_database: str, redis_url: str) -> None:
    endpoint = serving(host, ledger_database, redis_url)
    until(host.page)

    endpoint.terminate()
    endpoint.communicate(timeout=DEADLINE_S)

    assert endpoint.returncode == ExitCode.DONE
    assert host.page() is None


def test_page_is_printed_once(host: Host, ledger_database: str, redis_url: str) -> None:
    printing = host.start(
        *("-m", "scripts.main", "metrics", "--once"),
        CALLBOARD_DATABASE_URL=ledger_database,
        CALLBOARD_REDIS_URL=redis_url,
    )

    page, _ = printing.communicate(timeout=DEADLINE_S)

    assert printing.returncode == 0
    assert "callboard_workers_alive 0.0\n" in page


@pytest.mark.parametrize("port", ["0", "65536", "many", "-1"])
def test_port_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], port: str) -> None:
    code = main.main(["metrics", f"--port={port}"])

    assert code == ExitCode.USAGE
    assert "a port from 1 to 65535" in capsys.readouterr().err


def test_port_nought_of_the_setting_says_what_to_give(
    capsys: pytest.CaptureFixture[str], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLBOARD_METRICS_PORT", "0")

    code = main.main(["metrics"])

    assert code == ExitCode.USAGE
    assert "--port" in capsys.readouterr().err
