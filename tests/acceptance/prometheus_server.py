"""A real Prometheus on loopback, scraping one endpoint every second under our rules; asked over its HTTP API."""

from __future__ import annotations

import json
import math
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.acceptance.stage import ROOT, free_port
from tests.acceptance.waiting import until
from tests.tools import tool

RULES: Final = ROOT / "deploy" / "prometheus"
CONFIGURATION: Final = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [recording.yml, alerts.yml]
scrape_configs:
  - job_name: callboard
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


class Prometheus:
    """One server with an empty memory."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def ask(self, path: str, **parameters: str) -> Any:
        """The `data` of an answer; None while nobody answers. Raises AssertionError for a query that is wrong."""
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self._url}{path}?{query}", timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as refused:
            with refused:
                if refused.code == 503:  # it is starting
                    return None
                raise AssertionError(f"{parameters}: {refused.read().decode()}") from refused
        except (urllib.error.URLError, ConnectionError):
            return None

    def values(self, query: str) -> list[float]:
        """The numbers that a query gives now, NaN left out."""
        data = self.ask("/api/v1/query", query=query)
        numbers = [float(one["value"][1]) for one in data["result"]] if data else []
        return [number for number in numbers if not math.isnan(number)]

    def alerts(self) -> set[str]:
        """The alerts that fire now."""
        return {one["labels"]["alertname"] for one in self.ask("/api/v1/alerts")["alerts"] if one["state"] == "firing"}


@contextmanager
def scraping(endpoint_port: int, folder: Path) -> Iterator[Prometheus]:
    """A Prometheus that scrapes that endpoint, once it has done so; ended afterwards. Skips where none is installed."""
    program = tool("prometheus")
    folder.mkdir()
    (folder / "prometheus.yml").write_text(CONFIGURATION.format(port=endpoint_port), encoding="utf-8")
    for name in ("recording.yml", "alerts.yml"):
        rules = (RULES / name).read_text(encoding="utf-8")
        (folder / name).write_text(rules.replace("interval: 30s", "interval: 1s"), encoding="utf-8")
    port = free_port()
    with (folder / "output.log").open("wb") as output:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--enable-feature=exemplar-storage",
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        server = Prometheus(port)
        until(lambda: server.values("up") == [1.0], f"a scrape, see {folder / 'output.log'}", 60)
        yield server
    finally:
        process.kill()
        process.wait()
