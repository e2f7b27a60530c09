"""A pulse in a mapped file: read whole or not at all, of running processes of this host only."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from middleware import multiprocess
from middleware.pulse import PulseFile, read_pulses


def file_of(folder: Path) -> Path:
    (path,) = folder.glob("*.pulse")
    return path


def test_last_thing_said_is_read(tmp_path: Path) -> None:
    pulse = PulseFile(tmp_path)
    pulse.write({"pid": 1, "long": "x" * 500})

    pulse.write({"pid": 2})

    assert list(read_pulses(tmp_path)) == [{"pid": 2}]


def test_process_that_has_said_good_bye_is_not_asked_after(tmp_path: Path) -> None:
    pulse = PulseFile(tmp_path)
    pulse.write({"pid": 1})

    pulse.forget()

    assert list(read_pulses(tmp_path)) == []


def test_reader_never_sees_half_a_pulse(tmp_path: Path) -> None:
    pulse, ending = PulseFile(tmp_path), threading.Event()
    texts = ["a" * 4_000, "b" * 4_000, "c" * 10]

    def write() -> None:
        while not ending.is_set():
            for text in texts:
                pulse.write({"text": text})

    writer = threading.Thread(target=write)
    writer.start()
    seen = [next(read_pulses(tmp_path)) for _ in range(300)]
    ending.set()
    writer.join()

    assert {one["text"] for one in seen if one is not None} <= set(texts)
    assert any(seen)


@pytest.mark.parametrize("damage", [b"", b"\x00" * 8_192, b"\xff" * 8_192, b"\x05\x00"])
def test_damaged_file_of_a_running_process_is_told_apart_from_none(tmp_path: Path, damage: bytes) -> None:
    PulseFile(tmp_path).write({"pid": 1})

    file_of(tmp_path).write_bytes(damage)

    assert list(read_pulses(tmp_path)) == [None]


def test_what_a_dead_process_left_is_removed(tmp_path: Path) -> None:
    PulseFile(tmp_path).write({"pid": 1})
    mine = file_of(tmp_path)
    mine.rename(mine.with_name(mine.name.replace(multiprocess.process_identity(), "999999999-1")))

    assert list(read_pulses(tmp_path)) == []
    assert list(tmp_path.glob("*.pulse")) == []


def test_process_of_another_host_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / f"elsewhere@{multiprocess.process_identity()}.pulse"
    other.write_bytes(b"theirs")

    assert list(read_pulses(tmp_path)) == []
    assert other.exists()


def test_host_name_cannot_lead_out_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "../../bad host\n*")

    PulseFile(tmp_path / "run").write({"pid": 1})

    assert list(read_pulses(tmp_path / "run")) == [{"pid": 1}]
    assert file_of(tmp_path / "run").parent == tmp_path / "run"


def test_folder_that_cannot_be_made_costs_the_pulse_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")

    pulse = PulseFile(tmp_path / "file" / "run")

    pulse.write({"pid": 1})
    pulse.forget()
    assert list(read_pulses(tmp_path / "file" / "run")) == []


def test_pulse_too_long_for_its_file_leaves_the_former_one(tmp_path: Path) -> None:
    pulse = PulseFile(tmp_path)
    pulse.write({"pid": 1})

    pulse.write({"text": "x" * 10_000})

    assert list(read_pulses(tmp_path)) == [{"pid": 1}]
    assert json.dumps({"pid": 1}).encode() in file_of(tmp_path).read_bytes()
