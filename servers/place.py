"""Decides as whom PostgreSQL runs, where its data lie and which copy of its binaries it runs from.

PostgreSQL refuses to run as root. If we are, it gets an unprivileged account, and everything it needs must be
within that account's reach: a home or a virtual environment below a closed folder (/root) is not. We change no
mode on the way there; instead the data, or a copy of the binaries, go to a folder of our own outside.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from servers.errors import StartFailed
from servers.home import Home
from servers.processes import Account

#: Who PostgreSQL is when we are root; known to Linux and macOS alike. initdb insists on a named user.
UNPRIVILEGED_USER = "nobody"
#: Kept across reboots, unlike /tmp (file-hierarchy standard 3.0, 5.15).
LASTING_TMP = Path("/var/tmp")


@dataclass(frozen=True, slots=True)
class Place:
    """Where PostgreSQL runs. `folder` belongs to `account` (None: to us) and holds `data`."""

    folder: Path
    programs: Path
    account: Account | None
    outside: Path | None

    @property
    def data(self) -> Path:
        """The data folder proper."""
        return self.folder / "data"


def settle(home: Home, programs: Path, outside: Path | None) -> Place:
    """The place for `home`; `outside` is the folder chosen at an earlier start, if any.

    Raises StartFailed when we are root and cannot become anyone else.
    """
    inside = home.root / "postgres"
    if os.geteuid() != 0:
        inside.mkdir(mode=0o700, exist_ok=True)
        return Place(inside, programs, None, None)
    account = unprivileged()
    outside = outside if outside and _belongs_to(outside, account) else None
    folder = _own_folder(inside, account)
    if not reaches(account, folder) or (outside and (outside / "postgres" / "data").exists()):
        outside = outside or _make_outside(account)
        folder = _own_folder(outside / "postgres", account)
    if not reaches(account, programs / "postgres"):
        outside = outside or _make_outside(account)
        programs = _copy_programs(programs, outside / "programs", account)
    return Place(folder, programs, account, outside)


def unprivileged() -> Account:
    """The account that takes root's place. Raises StartFailed when there is none or we may not take it."""
    try:
        entry = pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError as error:
        raise StartFailed(f"PostgreSQL refuses to run as root, and there is no user {UNPRIVILEGED_USER}") from error
    account = Account(entry.pw_uid, entry.pw_gid)
    try:
        subprocess.run(["true"], user=account.uid, group=account.gid, extra_groups=[], cwd="/", check=True)
    except OSError as error:  # a container's root without the right to change its uid
        raise StartFailed(
            f"PostgreSQL refuses to run as root, and this root may not become {UNPRIVILEGED_USER}"
            f" ({error.strerror}): run as another user, or set CALLBOARD_DATABASE_URL"
        ) from error
    return account


def reaches(account: Account, path: Path) -> bool:
    """Whether the account can enter the folder or run the program. Asked as that account: ACLs count too."""
    asked = subprocess.run(
        ["sh", "-c", 'test -x "$1"', "sh", path],
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        cwd="/",
        check=False,
    )
    return asked.returncode == 0


def _own_folder(folder: Path, account: Account) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    os.chown(folder, account.uid, account.gid)
    return folder


def _make_outside(account: Account) -> Path:
    parent = LASTING_TMP if reaches(account, LASTING_TMP) else None
    outside = Path(tempfile.mkdtemp(prefix="callboard-", dir=parent))
    os.chown(outside, account.uid, account.gid)
    return outside


def _belongs_to(outside: Path, account: Account) -> bool:
    try:
        found = outside.lstat()
    except OSError:
        return False
    return outside.is_dir() and not outside.is_symlink() and found.st_uid == account.uid


def _copy_programs(programs: Path, copy: Path, account: Account) -> Path:
    """Copy PostgreSQL's installation (about 40 MB) with the wheel's libraries beside it; the copied `bin`.

    The wheel's binaries look for libraries in ../../../<package>.libs, so the layout is kept.
    """
    package = programs.parent.parent
    copied = copy / programs.relative_to(package.parent)
    if _same_program(programs, copied):
        return copied
    unfinished = copy.with_suffix(".new")
    for old in (copy, unfinished):
        shutil.rmtree(old, ignore_errors=True)
    for part in (programs.parent, package.with_name(f"{package.name}.libs")):
        if part.is_dir():
            target = unfinished / part.relative_to(package.parent)
            shutil.copytree(part, target, ignore=shutil.ignore_patterns("*.a", "include"))
    _open_to(unfinished, account)
    unfinished.rename(copy)
    return copied


def _same_program(one: Path, other: Path) -> bool:
    try:
        first, second = (one / "postgres").stat(), (other / "postgres").stat()
    except OSError:
        return False
    return (first.st_size, int(first.st_mtime)) == (second.st_size, int(second.st_mtime))


def _open_to(folder: Path, account: Account) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, -1, account.gid, follow_symlinks=False)
        if not path.is_symlink():
            path.chmod(0o750 if path.is_dir() or os.access(path, os.X_OK) else 0o640)
