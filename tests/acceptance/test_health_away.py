"""Health while a server is away: workers are not to be started anew for it, and the answer is there in time."""

from __future__ import annotations

import json
from pathlib import Path

from servers import embedded
from tests.acceptance.health_pages import page, registered
from tests.acceptance.stage import free_port, fresh_stage


def test_servers_that_went_away_make_workers_unready_in_time_and_alive(
    breakable: embedded.Servers, tmp_path: Path
) -> None:
    with fresh_stage(tmp_path, breakable.database_url, breakable.redis_url) as stage:
        stage.bring("repertoire")
        port = free_port()
        registered(stage.command("worker", "repertoire", settings={"HEALTH_PORT": port, "LEASE_SECONDS": 3}))
        page(port, "/ready", 200)
        breakable.postgres.stop()
        try:
            sick = page(port, "/ready", 503)
            live = page(port, "/live", 200)
        finally:
            breakable.postgres.start()

        assert any(reason.startswith("postgresql: ") for reason in sick["reasons"])
        assert sick["servers"]["redis"]["ok"]
        assert live["reasons"] == []
        assert "127.0.0.1" not in json.dumps(sick)
        page(port, "/ready", 200)
