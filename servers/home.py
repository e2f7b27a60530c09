"""The home folder of the embedded servers: its layout, whether it can be used, and who holds it.

It must not know the servers themselves.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from models.servers_file import FILE_NAME, LOCK_NAME
from servers.errors import HomeUnusable, Taken

#: A log larger than this (bytes) is set aside when its server starts again; one older log is kept.
LARGEST_LOG_BYTES = 10_000_000
#: Somebody who only asks whether the lock is held has it for microseconds; a supervisor waits so long, in s.
LOCK_PATIENCE_S = 0.5


@dataclass(frozen=True, slots=True)
class Home:
    """Names of everything below one home folder. `root` is absolute."""

    root: Path

    @property
    def told(self) -> Path:
        """The file through which others find the servers."""
        return self.root / FILE_NAME

    @property
    def mail(self) -> Path:
        """The sink's folder: `tmp` for mails being written, `new` for accepted ones."""
        return self.root / "mail"

    @property
    def mail_dir(self) -> Path:
        """Where accepted mails lie."""
        return self.mail / "new"

    def pid_file(self, name: str) -> Path:
        """Where the pid of the server `name` is noted."""
        return self.root / "run" / f"{name}.pid"

    def log(self, name: str) -> Path:
        """The log of `name`, set aside first if it has grown too large."""
        path = self.root / "log" / f"{name}.log"
        if path.exists() and path.stat().st_size > LARGEST_LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return path


def prepare(path: Path) -> Home:
    """Make the home folder with its inner folders, or check the one that is there.

    Raises HomeUnusable: a file in its place, not writable, or another user's servers use it.
    """
    root = Path(os.path.abspath(path))
    try:
        # As root PostgreSQL runs as somebody else, who must be able to pass through, not to look.
        root.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        refuse_another_users(root)
        for inner in ("log", "run", "mail", "mail/tmp", "mail/new"):
            (root / inner).mkdir(mode=0o700, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise HomeUnusable(f"{error.filename} is not a folder: move it away or set CALLBOARD_HOME") from error
    except OSError as error:
        raise HomeUnusable(f"{root} cannot be used ({error.strerror}): change it or set CALLBOARD_HOME") from error
    if not os.access(root, os.W_OK | os.X_OK):
        raise HomeUnusable(f"{root} is not writable by user {_user(os.geteuid())}: change it or set CALLBOARD_HOME")
    return Home(root)


@contextmanager
def held(home: Home) -> Iterator[int]:
    """Hold the home's lock during the block; yields its descriptor. Raises Taken when another process has it."""
    lock = os.open(home.root / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(lock, home)
        yield lock
    finally:
        os.close(lock)


def _lock(lock: int, home: Home) -> None:
    deadline = time.monotonic() + LOCK_PATIENCE_S
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise Taken(f"servers already run for {home.root}: end them with callboard down") from error
            time.sleep(0.01)


def still_there(home: Home, lock: int) -> bool:
    """Whether the folder whose lock is held is still in its place: somebody may have removed it."""
    try:
        return os.path.samestat(os.stat(home.root / LOCK_NAME), os.fstat(lock))
    except OSError:
        return False


def write_private(path: Path, text: str) -> None:
    """Write `path` whole or not at all, readable by its owner only."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def refuse_another_users(root: Path) -> None:
    """Raises HomeUnusable when another user has started servers in this folder, or we may not look into it."""
    try:
        uid = (root / LOCK_NAME).stat().st_uid
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise HomeUnusable(f"{root} cannot be used ({error.strerror}): change it or set CALLBOARD_HOME") from error
    if uid != os.geteuid():
        owner = _user(uid)
        raise HomeUnusable(f"{root} holds servers of user {owner}: remove it as {owner} or set CALLBOARD_HOME")


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
