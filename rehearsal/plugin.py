"""The pytest plugin: `-p rehearsal.plugin`, or `pytest_plugins = ["rehearsal.plugin"]` in a conftest.

A test that takes `scene` and `point` runs once for each of its module's `SCENES` at each of its `POINTS` (by default
all that a job can meet); `rehearsal(scene, point)` plays it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.crash_points import Action
from rehearsal.play import SENDER_POINTS, WORKER_POINTS, Play
from rehearsal.room import Places, room
from rehearsal.scene import Outcome, Rehearsal, Scene
from servers import embedded


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each point x each scene."""
    if {"scene", "point"} <= set(metafunc.fixturenames):
        points = getattr(metafunc.module, "POINTS", (*SENDER_POINTS, *WORKER_POINTS))
        scenes: list[Scene] = getattr(metafunc.module, "SCENES", [])
        metafunc.parametrize("scene", scenes, ids=[one.id for one in scenes])
        metafunc.parametrize("point", points)


@pytest.fixture(scope="session")
def rehearsal_places() -> Iterator[Places]:
    """Servers for this session; override it to rehearse on servers of your own. Redis is flushed."""
    with tempfile.TemporaryDirectory(prefix="cb-") as folder:
        Path(folder).chmod(0o755)
        with embedded.running(Path(folder) / "home", durable=False) as servers:
            yield Places(servers.database_url, servers.redis_url, servers.smtp_url, servers.mail_dir)


@pytest.fixture
def rehearsal(rehearsal_places: Places, tmp_path: Path) -> Rehearsal:
    """`rehearsal(scene, point, action=Action.KILL) -> Outcome`, which has survived; skips where a scene never comes."""

    def played(scene: Scene, point: str, action: Action = Action.KILL) -> Outcome:
        with room(rehearsal_places, tmp_path / "room") as here:
            outcome = Play(here, scene).crash(point, action)
        if not outcome.reached:
            pytest.skip(f"{scene.id} never comes to {point}")
        return outcome.survived()

    return played
