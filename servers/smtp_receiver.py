"""The mail sink's process: an SMTP server on loopback that keeps every accepted mail as one file, as it came.

Run as `python -m servers.smtp_receiver --port PORT --folder FOLDER`. It judges nothing: the same mail twice
is two files, which is how doubles are seen.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from servers.ports import LOOPBACK


class Keeper:
    """aiosmtpd's handler: a mail is answered 250 once its file is on disk under its final name."""

    def __init__(self, folder: Path) -> None:
        self._unfinished, self._accepted = folder / "tmp", folder / "new"
        self._numbers = itertools.count()

    def clear_unfinished(self) -> None:
        """Remove what an earlier run did not finish: nobody was told that it was accepted."""
        for left in self._unfinished.iterdir():
            left.unlink()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Keep the mail's bytes (dots unstuffed, lines as sent). A full or broken disk is 451: try again."""
        content = envelope.original_content
        assert content is not None, "DATA always brings content"
        try:
            await asyncio.to_thread(self._keep, content)
        except OSError as error:
            return f"451 4.3.0 not kept: {os.strerror(error.errno or 0)}"
        return "250 2.0.0 kept"

    def _keep(self, content: bytes) -> None:
        name = f"{time.time_ns():020d}-{os.getpid()}-{next(self._numbers):06d}.eml"
        unfinished = self._unfinished / name
        try:
            with unfinished.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(self._accepted / name)
        except OSError:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise
        _sync_folder(self._accepted)


def _sync_folder(folder: Path) -> None:
    """Make the folder's new entry last, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _session(keeper: Keeper) -> Any:
    # A host name of our own: the default asks the resolver, which can take seconds.
    return SMTP(keeper, hostname="localhost", enable_SMTPUTF8=True, ident="callboard mail sink")


async def serve(port: int, folder: Path) -> None:
    """Receive mail until the process is ended."""
    keeper = Keeper(folder)
    keeper.clear_unfinished()
    server = await asyncio.get_running_loop().create_server(lambda: _session(keeper), LOOPBACK, port)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Read the two options and serve."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.folder))


if __name__ == "__main__":
    main()
