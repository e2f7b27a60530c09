"""Exemplars of many processes: the newest of a bucket is shown, and what cannot be kept costs nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.samples import Sample

from middleware import exemplars, multiprocess
from middleware.exemplars import ExemplarFile, attach, newest

BUCKET = ("took", (("actor", "a"),), "0.5")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(multiprocess.VARIABLE, str(tmp_path))
    return tmp_path


def keys(folder: Path) -> dict[str, str]:
    """Bound to run key."""
    return {bound: exemplar.labels["run_key"] for (_, _, bound), exemplar in newest(folder).items()}


def test_newest_of_a_bucket_is_shown_whoever_said_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for identity, run_key in (("1-1", "a:x:1"), ("2-1", "a:y:2")):
        monkeypatch.setattr(multiprocess, "process_identity", lambda identity=identity: identity)
        ExemplarFile().note(BUCKET, 0.3, run_key)

    assert keys(folder) == {"0.5": "a:y:2"}


def test_later_one_takes_the_place_of_the_former(folder: Path) -> None:
    ours = ExemplarFile()

    for number in range(3):
        ours.note(BUCKET, 0.3, f"a:x:{number}")
        ours.note(("took", (), "+Inf"), 9.0, f"b:x:{number}")

    assert keys(folder) == {"0.5": "a:x:2", "+Inf": "b:x:2"}
    (file,) = folder.iterdir()
    assert file.stat().st_size == 2 * 512


@pytest.mark.parametrize("run_key", ["k" * 122, "k" * 600], ids=["past OpenMetrics' length", "past the slot"])
def test_run_key_that_is_too_long_is_left_out(folder: Path, run_key: str) -> None:
    ExemplarFile().note(BUCKET, 0.3, run_key)

    assert keys(folder) == {}


def test_slots_are_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exemplars, "_SLOTS", 2)
    ours = ExemplarFile()

    for bound in ("1.0", "2.0", "3.0", "1.0"):
        ours.note(("took", (), bound), 0.3, f"a:{bound}:1")

    assert keys(folder) == {"1.0": "a:1.0:1", "2.0": "a:2.0:1"}


def test_folder_that_cannot_be_written_costs_the_exemplar_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(multiprocess.VARIABLE, str(tmp_path / "file"))

    ExemplarFile().note(BUCKET, 0.3, "a:x:1")

    assert (tmp_path / "file").read_bytes() == b""


def test_slot_half_written_and_other_rubbish_are_skipped(folder: Path) -> None:
    ExemplarFile().note(BUCKET, 0.3, "a:x:1")
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes() + b'["took", [], "1.0", 0.3, "cut off\n\x00\xff\n[1]\n7\n')

    assert keys(folder) == {"0.5": "a:x:1"}


def test_file_of_the_long_dead_goes_and_that_of_the_living_stays(folder: Path) -> None:
    ExemplarFile().note(BUCKET, 0.3, "a:x:1")
    (living,) = folder.iterdir()
    dead = folder / "exemplars_99999999-1.slots"
    dead.write_bytes(living.read_bytes().replace(b"a:x:1", b"a:y:1"))
    shown = keys(folder)

    for path in (living, dead):
        os.utime(path, (time.time() - 7200, time.time() - 7200))
    left = keys(folder)

    assert set(shown.values()) <= {"a:x:1", "a:y:1"}
    assert left == {"0.5": "a:x:1"}
    assert not dead.exists()


def test_exemplar_stands_beside_the_bucket_of_its_labels_alone(folder: Path) -> None:
    ExemplarFile().note(BUCKET, 0.3, "a:x:1")
    metric = Metric("took", "Help.", "histogram")
    for actor in ("a", "b"):
        metric.samples += [Sample("took_bucket", {"actor": actor, "le": bound}, 1.0) for bound in ("0.5", "+Inf")]

    attach([metric], newest(folder))

    named = [(one.labels["actor"], one.labels["le"]) for one in metric.samples if one.exemplar is not None]
    assert named == [("a", "0.5")]
