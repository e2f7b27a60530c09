"""`POST /dispatch` before any tick: who is let in, what is understood, and that a flood makes one process at a time."""

from __future__ import annotations

import hmac
import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from middleware import tick_posts
from middleware.small_http import SmallServer
from middleware.tick_posts import STATUS, TickPosts
from tests.acceptance.waiting import until
from tests.integration.http_cases import Answered, asked, sent_raw, served

SECRET = "öpen sesame"
SHOWN = "Bearer " + SECRET.encode().decode("latin-1")
#: Notes that it runs, stays while it is held, and prints what it is told.
TICK = (
    "import os, sys, time; from pathlib import Path; folder = Path(sys.argv[1]);"
    " (folder / f'ran-{os.getpid()}').write_text(sys.argv[-1] + os.environ.get('TRACEPARENT', ''));"
    " [time.sleep(0.01) for _ in iter(lambda: (folder / 'held').exists(), False)];"
    " print('a line before it'); print((folder / 'says').read_text()); sys.exit(int(sys.argv[2]))"
)
PLACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@contextmanager
def posts_to(
    folder: Path, says: str, *, code: int = 0, secret: str | None = SECRET, answer_s: float = 20
) -> Iterator[int]:
    """A server whose ticks print `says`; gives its port."""
    (folder / "says").write_text(says, encoding="utf-8")
    posts = TickPosts([sys.executable, "-c", TICK, str(folder), str(code)], secret, answer_s=answer_s)
    with served(SmallServer(posts.admit, posts.answer)) as port:
        yield port


def post(port: int, body: bytes | None = None, **headers: str) -> Answered:
    return asked(port, "/dispatch", "POST", body, **{"Authorization": SHOWN, **headers})


def ran(folder: Path) -> list[str]:
    """What each tick that ran was told."""
    return [path.read_text(encoding="utf-8") for path in folder.glob("ran-*")]


@pytest.mark.parametrize(("mode", "status"), sorted(STATUS.items()))
def test_status_follows_the_mode_and_the_page_is_the_ticks(tmp_path: Path, mode: str, status: int) -> None:
    says = {"mode": mode, "dispatch_key": "k"}
    with posts_to(tmp_path, json.dumps(says), code=1 if status == 503 else 0) as port:
        answer = post(port)

    assert (answer.status, answer.page) == (status, says)


@pytest.mark.parametrize(
    ("says", "code"), [("", 0), ("not json", 0), ("[1]", 1), ('{"mode": "unheard_of"}', 0)], ids=repr
)
def test_tick_that_does_not_answer_is_503(tmp_path: Path, says: str, code: int) -> None:
    with posts_to(tmp_path, says, code=code) as port:
        answer = post(port)

    assert answer.status == 503


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"Authorization": "Bearer"}, id="no secret"),
        pytest.param({"Authorization": "Bearer wrong"}, id="a wrong one"),
        pytest.param({"Authorization": SHOWN + "x"}, id="one letter more"),
        pytest.param({"Authorization": SHOWN[:-1]}, id="one letter less"),
        pytest.param({"Authorization": SHOWN.replace("Bearer", "Basic")}, id="another scheme"),
        pytest.param({"Authorization": "Bearer " + "x" * 6_000}, id="a very long one"),
        pytest.param({"X-Authorization": SHOWN}, id="another header"),
    ],
)
def test_wrong_secret_is_401_and_runs_nothing(tmp_path: Path, shown: dict[str, str]) -> None:
    with posts_to(tmp_path, "{}") as port:
        answer = asked(port, "/dispatch", "POST", None, **shown)

    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert ran(tmp_path) == []


@pytest.mark.parametrize("secret", [None, ""])
@pytest.mark.parametrize("shown", ["Bearer ", "Bearer None", "Bearer", SHOWN])
def test_without_a_secret_nobody_is_let_in(tmp_path: Path, secret: str | None, shown: str) -> None:
    with posts_to(tmp_path, "{}", secret=secret) as port:
        answer = asked(port, "/dispatch", "POST", Authorization=shown)

    assert answer.status == 401
    assert ran(tmp_path) == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_405_and_name_the_one(tmp_path: Path, method: str) -> None:
    with posts_to(tmp_path, "{}") as port:
        answer = asked(port, "/dispatch", method, Authorization=SHOWN)

    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert ran(tmp_path) == []


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"text"',
        b'{"source": 1}',
        b'{"source": ""}',
        b'{"source": "a\\nb"}',
        b'{"source": "\\u202e"}',
        b'{"source": "' + b"x" * 101 + b'"}',
        b'{"source": "ok", "force": true}',
        b"\xff\xfe",
        b"[" * 1_000,
    ],
)
def test_unknown_body_is_400_and_runs_nothing(tmp_path: Path, body: bytes) -> None:
    with posts_to(tmp_path, "{}") as port:
        answer = post(port, body)

    assert answer.status == 400
    assert ran(tmp_path) == []


def test_huge_body_is_413_and_runs_nothing(tmp_path: Path) -> None:
    with posts_to(tmp_path, "{}") as port:
        answer = post(port, b"{" + b" " * 5_000)

    assert answer.status == 413
    assert ran(tmp_path) == []


def test_source_and_place_in_a_trace_are_handed_on(tmp_path: Path) -> None:
    with posts_to(tmp_path, '{"mode": "enqueued"}') as port:
        post(port, b' {"source": "cloud-clock"} ', traceparent=PLACE)

    assert ran(tmp_path) == ["cloud-clock" + PLACE]


def test_broken_place_in_a_trace_is_left_out(tmp_path: Path) -> None:
    with posts_to(tmp_path, '{"mode": "enqueued"}') as port:
        post(port, traceparent=PLACE + "-x")

    assert ran(tmp_path) == ["http"]


def test_posts_at_the_same_time_share_one_tick(tmp_path: Path) -> None:
    (tmp_path / "held").touch()
    with posts_to(tmp_path, '{"mode": "enqueued"}') as port, ThreadPoolExecutor(10) as pool:
        asking = [pool.submit(post, port) for _ in range(10)]
        assert sent_raw(port, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").startswith(b"HTTP/1.1 405")
        (tmp_path / "held").unlink()
        answers = [one.result() for one in asking]

    assert {answer.status for answer in answers} == {202}
    assert len(ran(tmp_path)) <= 2  # a post that came when the first was done begins another


def test_more_than_a_bounded_number_do_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tick_posts, "WAITING", 0)
    with posts_to(tmp_path, "{}") as port:
        answer = post(port)

    assert (answer.status, answer.headers["retry-after"]) == (429, "5")
    assert ran(tmp_path) == []


def test_long_tick_is_answered_as_running_and_joined_by_the_next_post(tmp_path: Path) -> None:
    (tmp_path / "held").touch()
    with posts_to(tmp_path, '{"mode": "inline_forced"}', answer_s=0.5) as port:
        first, second = post(port), post(port)
        begun = len(ran(tmp_path))
        (tmp_path / "held").unlink()
        until(lambda: post(port).status == 200, "the end of the tick")

    assert (first.status, first.page["mode"]) == (202, "running")
    assert (second.status, second.page["mode"]) == (202, "running")
    assert begun == 1


def test_tick_past_its_limit_is_killed_and_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tick_posts, "TICK_S", 2.0)
    (tmp_path / "held").touch()
    with posts_to(tmp_path, "{}") as port:
        answer = post(port)

    assert answer.status == 503
    assert "took longer" in answer.page["error"]
    assert ran(tmp_path)
    assert all(not _runs(int(path.name[4:])) for path in tmp_path.glob("ran-*"))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_secret_is_compared_in_constant_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return False

    monkeypatch.setattr(hmac, "compare_digest", compare)

    with posts_to(tmp_path, "{}") as port:
        post(port)

    assert compared == [(SECRET.encode(), SECRET.encode())]
