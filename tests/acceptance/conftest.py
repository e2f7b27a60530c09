"""Stages for acceptance tests, one a module, on the session's servers or on a pair that may be stopped."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from middleware import enqueuer
from servers import embedded
from tests.acceptance.stage import Stage, fresh_stage


@pytest.fixture(autouse=True)
def _dispatched_for_good() -> Iterator[None]:
    """Copies and lines of a test's dispatches are none of the next one's."""
    yield
    assert enqueuer.finish(30)


@pytest.fixture(scope="module")
def stage(servers: embedded.Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage on the session's servers, for all tests of one module."""
    with fresh_stage(tmp_path_factory.mktemp("stage"), servers.database_url, servers.redis_url) as stage:
        yield stage


@pytest.fixture(scope="session")
def breakable() -> Iterator[embedded.Servers]:
    """Servers that a test may stop: nobody else uses them. Always embedded, so that they are ours to stop."""
    with tempfile.TemporaryDirectory(prefix="cb-") as folder:
        os.chmod(folder, 0o755)
        with embedded.running(Path(folder) / "home", durable=False) as servers:
            yield servers
