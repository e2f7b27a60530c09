"""Where a replay finds its database: where all commands do, or, with `--own-servers`, in servers of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from policy.errors import CallboardError

if TYPE_CHECKING:
    from policy.settings import Settings
    from scripts.replay import Replay


@contextmanager
def servers_for(replay: Replay) -> Iterator[None]:
    """Servers at hand. Embedded ones of our own are migrated and filled with the sample; others are used as they are.

    Servers that do not start are noted as the run's trouble.
    """
    settings = replay.settings
    home = Path(settings.home)
    if not replay.args.own_servers or settings.database_url or _left_running(home):
        yield
        return
    from messaging.replay.cases import FailureType
    from models.database import close_connection
    from servers import embedded
    from servers.errors import ServersError

    replay.progress.show("starting servers", at_once=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(embedded.running(home))
            stack.callback(close_connection)
            _fill(settings)
        except (ServersError, CallboardError) as error:
            replay.trouble(FailureType.INFRA, str(error))
        yield


def _left_running(home: Path) -> bool:
    from models import servers_file

    told = servers_file.load(home)
    return told is not None and told.get("owner_pid") is None


def _fill(settings: Settings) -> None:
    """Schema to head, and the sample's client with its threads, unless it is there."""
    from messaging.sample_data.threads import invent_threads
    from messaging.sample_store import store_sample
    from messaging.store import read_client
    from middleware.configuration import connect_database
    from models.migrate import migrate
    from policy.errors import NotFound
    from scripts.sample import DEFAULT_CLIENT, DEFAULT_THREADS

    connect_database(settings)
    migrate()
    try:
        read_client(DEFAULT_CLIENT)
    except NotFound:
        today = datetime.now(timezone.utc).date()
        store_sample(DEFAULT_CLIENT, invent_threads(DEFAULT_CLIENT, seed=0, count=DEFAULT_THREADS, today=today))
