"""Reads a metrics page as a Prometheus would, and adds it up by labels. It must not know who counts."""

from __future__ import annotations

import urllib.error
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

Counts = dict[tuple[str, ...], float]


class Scraper:
    """Reads the endpoint of one stage's workers."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/metrics"

    def page(self) -> str:
        """The page; empty while nobody answers."""
        try:
            with urllib.request.urlopen(self._url, timeout=10) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError):
            return ""

    def counts(self, sample: str, *labels: str) -> Counts:
        """Values of one sample by these labels, those that are not 0; `sample` without the prefix."""
        found: Counts = {}
        for family in text_string_to_metric_families(self.page()):
            for one in family.samples:
                if one.name == f"callboard_{sample}" and one.value:
                    key = tuple(one.labels[label] for label in labels)
                    found[key] = found.get(key, 0) + one.value
        return found
