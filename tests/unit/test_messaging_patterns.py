"""Patterns that are compiled late are still all of them sound, and are compiled once."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

import messaging
from messaging.patterns import _Pattern, regex


def test_it_is_asked_like_a_compiled_one() -> None:
    number = regex(r"(\d+)", re.IGNORECASE)

    assert number.search("a 17")[0] == "17"  # type: ignore[index]
    assert number.sub("n", "1 2") == "n n"
    assert [one[1] for one in number.finditer("1 2")] == ["1", "2"]
    assert number.flags & re.IGNORECASE


def test_it_is_compiled_when_it_is_first_used_and_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    compile_now = re.compile

    def compile_and_tell(text: str, flags: int = 0) -> re.Pattern[str]:
        compiled.append(text)
        return compile_now(text, flags)

    monkeypatch.setattr(re, "compile", compile_and_tell)

    number = regex(r"\d")
    assert compiled == []
    for _ in range(3):
        assert number.match("1")

    assert compiled == [r"\d"]


def _patterns() -> Iterator[tuple[str, _Pattern]]:
    for module in pkgutil.walk_packages(messaging.__path__, "messaging."):
        found = vars(importlib.import_module(module.name))
        for name, value in found.items():
            if isinstance(value, _Pattern):
                yield f"{module.name}.{name}", value


def test_every_one_of_the_package_compiles() -> None:
    found = dict(_patterns())

    for name, one in found.items():
        try:
            re.compile(*one._wanted)
        except re.error as error:
            pytest.fail(f"{name}: {error}")
    assert len(found) > 50
