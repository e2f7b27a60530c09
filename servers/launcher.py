"""Starts a supervisor process and talks to it, for the process that owns it or leaves it running."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict

from servers.channel import Channel, Message
from servers.errors import StartFailed, revived
from servers.home import Home
from servers.own_modules import environ_for_own_modules
from servers.plan import Plan

#: initdb and three servers at their slowest, in s (`postgres.INITDB_WITHIN_S`, `server.READY_WITHIN_S`).
START_WITHIN_S = 300.0
#: Three servers at their slowest, in s (`processes.PATIENCE_S`).
STOP_WITHIN_S = 70.0


class Owned:
    """A supervisor that ends with this process, at the latest; a `with` block ends it sooner.

    Raises what kept the servers from starting. Requests may come from several threads.
    """

    def __init__(self, plan: Plan, home: Home) -> None:
        self._pid = os.getpid()
        self._one_at_a_time = threading.Lock()
        self._requests = 0
        self._process, self._channel = _launch(plan, home)
        try:
            self.told = _await_ready(self._channel, home)
        except BaseException:
            self._wait()
            raise

    def ask(self, request: Message) -> Message:
        """Send a request and wait for its answer: the pids by name. Raises what the supervisor reports."""
        with self._one_at_a_time:
            self._requests += 1
            self._channel.send(request | {"number": self._requests})
            answer = self._channel.receive(START_WITHIN_S)
            # An exception (Ctrl-C, a test's time limit) may have left an answer unread.
            while answer is not None and answer.get("number") != self._requests:
                answer = self._channel.receive(START_WITHIN_S)
        if answer is None:
            raise StartFailed("the servers' supervisor is gone")
        if "error" in answer:
            raise revived(answer["error"], answer["message"])
        done: Message = answer["done"]
        return done

    def __enter__(self) -> Owned:
        return self

    def __exit__(self, *_error: object) -> None:
        if os.getpid() != self._pid:  # a forked child that unwinds: the servers are its parent's
            return
        _end(self._channel)
        self._wait()

    def _wait(self) -> None:
        try:
            self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def leave_running(plan: Plan, home: Home) -> Message:
    """Start a supervisor that outlives this process, and return what it tells. If this fails nothing is left."""
    process, channel = _launch(plan, home)
    process.wait()  # the real supervisor is its child, and nobody's
    told = _await_ready(channel, home)
    channel.send({"do": "detach"})
    answer = channel.receive(START_WITHIN_S)
    channel.close()
    if answer is None:
        raise StartFailed(f"the servers' supervisor is gone: see {home.log('supervisor')}")
    return told


def _launch(plan: Plan, home: Home) -> tuple[subprocess.Popen[bytes], Channel]:
    """Start a supervisor and send it the plan."""
    ours, theirs = socket.socketpair()
    detached = ["--detached"] if plan.owner_pid is None else []
    with theirs, home.log("supervisor").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "servers.supervisor", plan.home, *detached],
            stdin=theirs.fileno(),
            stdout=log,
            stderr=log,
            cwd="/",
            env=environ_for_own_modules(),
            start_new_session=True,  # the terminal's Ctrl-C is for us; we pass on what follows from it
        )
    channel = Channel(ours)
    channel.send(asdict(plan))
    return process, channel


def _await_ready(channel: Channel, home: Home) -> Message:
    """What the supervisor tells once all is ready.

    Whatever comes between (its error, our Ctrl-C) is raised after the supervisor has ended.
    """
    try:
        answer = channel.receive(START_WITHIN_S)
        if answer is None:
            raise StartFailed(f"the servers' supervisor failed: see {home.log('supervisor')}")
        if "error" in answer:
            raise revived(answer["error"], answer["message"])
        told: Message = answer["ready"]
        return told
    except BaseException:
        _end(channel)
        raise


def _end(channel: Channel) -> None:
    """Tell the supervisor to end, wait until it has closed its end, which it does last, and close ours."""
    channel.finish()
    deadline = time.monotonic() + STOP_WITHIN_S
    while not channel.left() and time.monotonic() < deadline:
        channel.receive(0.1)
    channel.close()
