"""Counts of processes that are gone are kept once, whatever dies in the middle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import mmap_dict

from middleware import metric_archive, multiprocess

#: No process has it: past the largest pid Linux gives.
DEAD = "99999999-1"

_ValuesFile: Any = mmap_dict.MmapedDict


def write(directory: Path, name: str, **numbers: float) -> None:
    file = _ValuesFile(str(directory / name))
    for key, number in numbers.items():
        file.write_value(json.dumps([key]), number, 0.0)
    file.close()


def totals(directory: Path) -> dict[str, float]:
    """What a scrape would add up now."""
    found: dict[str, float] = {}
    for path in metric_archive.files_in_force(directory):
        for key, number, _, _ in _ValuesFile.read_all_values_from_file(path):
            (name,) = json.loads(key)
            found[name] = found.get(name, 0) + number
    return found


def test_counts_of_the_dead_are_kept_in_one_file(tmp_path: Path) -> None:
    write(tmp_path, "counter_99999997-1.db", a=1, b=2)
    write(tmp_path, "counter_99999998-1.db", a=10)
    write(tmp_path, f"histogram_{DEAD}.db", c=3)

    metric_archive.sweep(tmp_path)

    assert totals(tmp_path) == {"a": 11, "b": 2, "c": 3}
    assert len(list(tmp_path.glob("*.db"))) == 2


def test_sweeps_add_to_what_earlier_ones_kept(tmp_path: Path) -> None:
    for _ in range(3):
        write(tmp_path, f"counter_{DEAD}.db", a=1)
        metric_archive.sweep(tmp_path)

    assert totals(tmp_path) == {"a": 3}


def test_gauges_of_the_dead_are_dropped(tmp_path: Path) -> None:
    write(tmp_path, f"gauge_livesum_{DEAD}.db", a=1)

    metric_archive.sweep(tmp_path)

    assert list(tmp_path.glob("*.db")) == []


def test_files_of_the_living_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, f"counter_{multiprocess.process_identity()}.db", a=1)

    swept = metric_archive.sweep(tmp_path)

    assert swept == 0
    assert totals(tmp_path) == {"a": 1}


@pytest.mark.parametrize("step", ["replace", "unlink"])
def test_sweep_that_dies_half_way_counts_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write(tmp_path, "counter_99999998-1.db", a=1)
    metric_archive.sweep(tmp_path)
    write(tmp_path, f"counter_{DEAD}.db", a=10)

    with monkeypatch.context() as patch:
        if step == "replace":
            patch.setattr(os, "replace", crash)
        else:
            patch.setattr(metric_archive, "_drop", crash_late(metric_archive._drop))
        with pytest.raises(KeyboardInterrupt):
            metric_archive.sweep(tmp_path)
    between = totals(tmp_path)
    metric_archive.sweep(tmp_path)

    assert between == {"a": 11}
    assert totals(tmp_path) == {"a": 11}
    assert len(list(tmp_path.glob("counter_*.db"))) == 1


def crash(*_: object) -> None:
    raise KeyboardInterrupt


def crash_late(drop: Any) -> Any:
    """Lets the first call through, which tidies up before a sweep; dies in the second, past the manifest."""
    calls: list[None] = []

    def dropping(*args: object) -> None:
        calls.append(None)
        if len(calls) > 1:
            raise KeyboardInterrupt
        drop(*args)

    return dropping


def test_file_that_is_just_being_made_is_not_read(tmp_path: Path) -> None:
    (tmp_path / f"counter_{DEAD}.db").touch()

    swept = metric_archive.sweep(tmp_path)

    assert swept == 0
    assert metric_archive.files_in_force(tmp_path) == []


def test_torn_file_is_set_aside_and_the_rest_is_counted(tmp_path: Path) -> None:
    (tmp_path / "counter_99999998-1.db").write_bytes(b"\xff\x00\x00\x00\x00\x00\x00\x00torn")
    write(tmp_path, f"counter_{DEAD}.db", a=1)

    metric_archive.set_torn_aside(tmp_path)
    metric_archive.sweep(tmp_path)

    assert totals(tmp_path) == {"a": 1}
    assert len(list(tmp_path.glob("*.torn"))) == 1


def test_process_that_ended_is_not_alive_even_as_a_zombie() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = f"{child.pid}-{multiprocess._started(child.pid)}"
    before = multiprocess.is_alive(identity)

    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    as_zombie = multiprocess.is_alive(identity)
    child.communicate()

    assert before
    assert not as_zombie
    assert not multiprocess.is_alive(identity)


def test_successor_with_the_same_pid_is_another_process() -> None:
    assert multiprocess.is_alive(multiprocess.process_identity())
    assert not multiprocess.is_alive(f"{os.getpid()}-1")


def test_first_folder_prepared_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unprepared(monkeypatch)

    multiprocess.prepare(tmp_path / "first")
    multiprocess.prepare(tmp_path / "second")

    assert os.environ[multiprocess.VARIABLE] == str(tmp_path / "first")
    assert list(tmp_path.iterdir()) == []


def test_operators_folder_goes_before_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unprepared(monkeypatch)
    monkeypatch.setenv(multiprocess.VARIABLE, "chosen")

    multiprocess.prepare(tmp_path)

    assert os.environ[multiprocess.VARIABLE] == "chosen"


def test_parents_folder_does_not_bind_a_child_with_its_own_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unprepared(monkeypatch)
    monkeypatch.setenv(multiprocess.VARIABLE, "parents")
    monkeypatch.setenv(multiprocess._SET_BY_US, "parents")

    multiprocess.prepare(tmp_path)

    assert os.environ[multiprocess.VARIABLE] == str(tmp_path)


def unprepared(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has not called `prepare`; what it sets is taken back after the test."""
    monkeypatch.setattr(multiprocess, "_prepared", False)
    for name in (multiprocess.VARIABLE, multiprocess._SET_BY_US):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
