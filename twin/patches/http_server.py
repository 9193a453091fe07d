"""The server under the emulator: its requests are parsed in C.

MiniStack serves with Hypercorn, which is written in Python down to the last header: a third of the emulator's processor
time. Uvicorn with httptools serves the same application.
"""

from typing import Any, Final

import uvicorn

KEEP_ALIVE_SECONDS: Final = 75  # as MiniStack asks of Hypercorn


def install() -> None:
    """Let MiniStack's `main` serve with Uvicorn."""
    from hypercorn import asyncio as hypercorn_asyncio

    hypercorn_asyncio.serve = serve  # type: ignore[assignment]  # it may be told of more, which MiniStack does not


async def serve(app: Any, config: Any) -> None:
    """Serve an application where Hypercorn's configuration says, until the process is told to stop."""
    host, _, port = config.bind[0].rpartition(":")
    await uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=int(port),
            http="httptools",
            loop="asyncio",
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            # AWS names no server, and MiniStack writes the date itself.
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
    ).serve()
