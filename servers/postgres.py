"""The embedded PostgreSQL: made by initdb at the first start, on loopback TCP, with a password.

It uses no unix socket, so no path can be too long for one.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import psycopg2

from servers import processes
from servers.errors import HomeUnusable, StartFailed
from servers.home import Home, write_private
from servers.place import Place
from servers.ports import LOOPBACK
from servers.processes import Command
from servers.server import Mode, Server
from servers.watch import Watch

#: The role, which owns the database of the same name.
ROLE = "callboard"
#: initdb takes about a second, far longer on a slow disk; in s.
INITDB_WITHIN_S = 120.0
#: Settings given at every start. Whatever is not here is PostgreSQL's default.
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_line_prefix": "%m [%p] ",
}
#: A number that no process has: Linux stops at 2**22, macOS at 99,999.
NO_PID = 2**31 - 1
#: For tests that need no durability: commits do not wait for the disk, and a machine's crash loses data.
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres(Server):
    """Started from the wheel's binaries, under the place's account."""

    name = "postgres"
    signals: ClassVar[dict[Mode, signal.Signals]] = {
        "fast": signal.SIGINT,
        "immediate": signal.SIGQUIT,
        "kill": signal.SIGKILL,
    }

    def __init__(self, home: Home, port: int, *, place: Place, password: str, durable: bool) -> None:
        super().__init__(home, port)
        self.place, self._password, self._durable = place, password, durable
        self._made_now = False

    @property
    def url(self) -> str:
        """A URL with user, password and database."""
        return self._url_of(ROLE)

    def _url_of(self, database: str) -> str:
        return f"postgresql://{ROLE}:{self._password}@{LOOPBACK}:{self.port}/{database}"

    def command(self) -> Command:
        """The postmaster. Our death sends it an immediate shutdown: the next start recovers from the log."""
        settings = {"port": str(self.port)} | SETTINGS | ({} if self._durable else NOT_DURABLE)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return self._run_as_account(["postgres", "-D", str(self.place.data), *options], signal.SIGQUIT)

    def _run_as_account(self, argv: list[str], death_signal: signal.Signals) -> Command:
        return Command(
            argv=[str(self.place.programs / argv[0]), *argv[1:]],
            log=self._log,
            death_signal=death_signal,
            account=self.place.account,
            environ=_environ(),
        )

    def spawn(self) -> None:
        """As every server, once the last run's pid file can no longer mislead it."""
        _disown(self.place.data / "postmaster.pid")
        super().spawn()

    def prepare(self, watch: Watch) -> None:
        """Run initdb unless the data folder is there. Raises StartFailed, HomeUnusable or Interrupted."""
        if self.place.data.exists():
            _refuse_another_version(self.place)
            return
        unfinished = self.place.folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        password_file = self.place.folder / "password"
        write_private(password_file, self._password)
        if self.place.account is not None:
            os.chown(password_file, self.place.account.uid, self.place.account.gid)
        try:
            self._initdb(unfinished, password_file, watch)
            unfinished.rename(self.place.data)
            self._made_now = True
        finally:
            password_file.unlink(missing_ok=True)

    def _initdb(self, folder: Path, password_file: Path, watch: Watch) -> None:
        options = [
            f"--pgdata={folder}",
            f"--username={ROLE}",
            f"--pwfile={password_file}",
            "--no-instructions",
        ]
        options += ["--auth=scram-sha-256", "--encoding=UTF8"]
        options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        # The password is random: hashing it 4096 times only makes connections dearer (12 ms, with one 6 ms).
        options += ["--set", "scram_iterations=1"]
        options += [] if self._durable else ["--no-sync"]
        initdb = processes.start(self._run_as_account(["initdb", *options], signal.SIGKILL))
        try:
            watch.wait_for(lambda: initdb.poll() is not None, INITDB_WITHIN_S)
        finally:
            processes.end(initdb, signal.SIGKILL)
        if initdb.returncode != 0:
            raise StartFailed(f"initdb failed ({self._complaint()}): see {self._log}")

    def passing(self, said: str) -> bool:
        """A postmaster that was killed leaves backends for a moment, whose shared memory is still in use."""
        return "is still in use" in said

    def answers(self) -> bool:
        """Whether it takes the password; makes the database the first time."""
        if not self._says_ready():
            return False
        try:
            with closing(psycopg2.connect(self._url_of("postgres"), connect_timeout=2)) as connection:
                connection.autocommit = True
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (ROLE,))
                    if cursor.fetchone() is None:
                        cursor.execute(f"CREATE DATABASE {ROLE}")
        except psycopg2.OperationalError as error:
            if "password authentication failed" in str(error):
                raise StartFailed(
                    f"PostgreSQL's password is no longer the one in {self.home.root}/kept.json: restore it"
                ) from error
            return False
        return True

    def _says_ready(self) -> bool:
        """Its pid file's eighth line is the status. To ask a server that still starts would fill its log."""
        try:
            lines = (self.place.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def tidy(self) -> None:
        """A folder outside the home is removed when its data were made not to last, or the home is gone."""
        not_to_last = self._made_now and not self._durable
        if self.place.outside is not None and (not_to_last or not self.home.root.exists()):
            shutil.rmtree(self.place.outside, ignore_errors=True)


def _environ() -> dict[str, str]:
    """Ours without libpq's variables, which would lead initdb and the postmaster astray."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return inherited | {"LC_ALL": "C", "TZ": "UTC"}


def _disown(pid_file: Path) -> None:
    """Put a pid that no process has into a pid file left by a postmaster that was killed.

    PostgreSQL does not start while a process of its account has the pid noted there, and in a container pids
    come round quickly. Holding the home's lock we know that postmaster to be gone; should backends of it linger,
    PostgreSQL still finds them by the shared memory noted in the same file, which is why the file stays.
    """
    try:
        lines = pid_file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    pid_file.write_text("\n".join([str(NO_PID), *lines[1:]]) + "\n", encoding="utf-8")


def _refuse_another_version(place: Place) -> None:
    """PostgreSQL does not open another major version's data. Raises HomeUnusable."""
    made_by = (place.data / "PG_VERSION").read_text(encoding="utf-8").strip()
    said = subprocess.run(
        [place.programs / "postgres", "--version"], capture_output=True, text=True, check=False
    ).stdout
    ours = said.split()[-1].partition(".")[0] if said else ""
    if made_by != ours:
        raise HomeUnusable(
            f"{place.data} was made by PostgreSQL {made_by}, installed is {ours}: dump it with that version,"
            " or move it away"
        )
