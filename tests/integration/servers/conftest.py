"""A home of its own for a test, and servers for those that leave them as they were."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from servers import embedded
from servers.embedded import Servers
from servers.errors import ServersError


@contextmanager
def folder_for_a_home() -> Iterator[Path]:
    """One that PostgreSQL's account can reach, unlike pytest's own folders when root runs the tests.

    Servers that a failed test left in `home` are ended; those of another account end when the folder is removed.
    """
    folder = Path(tempfile.mkdtemp(prefix="callboard-test-"))
    folder.chmod(0o711)
    yield folder
    with suppress(ServersError):
        embedded.down(folder / "home")
    shutil.rmtree(folder)


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that is not there yet."""
    with folder_for_a_home() as folder:
        yield folder / "home"


@pytest.fixture
def used_home(finished_home: Path) -> Iterator[Path]:
    """A home whose servers ran before, which spares a test the second that initdb takes."""
    with folder_for_a_home() as folder:
        subprocess.run(["cp", "-a", finished_home, folder / "home"], check=True)
        yield folder / "home"


@pytest.fixture(scope="package")
def finished_home() -> Iterator[Path]:
    """What used homes are copies of."""
    with folder_for_a_home() as folder:
        with embedded.running(folder / "home"):
            pass
        yield folder / "home"


@pytest.fixture(scope="package")
def servers(finished_home: Path) -> Iterator[Servers]:
    """Servers as `up` runs them; for tests that leave them as they were."""
    with folder_for_a_home() as folder:
        subprocess.run(["cp", "-a", finished_home, folder / "home"], check=True)
        with embedded.running(folder / "home") as running:
            yield running
