"""HTTP: MiniStack parses requests in Python, which costs a third of its processor time.

It serves with Hypercorn, which is written in Python down to the last header. Uvicorn with httptools, which is written
in C, serves the same application.
"""

from typing import Any, Final

import uvicorn

from twin.settings import TwinSettings

KEEP_ALIVE_SECONDS: Final = 75  # as MiniStack asks of Hypercorn


def install(_settings: TwinSettings) -> None:
    """Let MiniStack's `main` serve with Uvicorn."""
    from hypercorn import asyncio as hypercorn_asyncio

    hypercorn_asyncio.serve = serve  # type: ignore[assignment]  # it takes more arguments, which MiniStack does not give


async def serve(app: Any, config: Any) -> None:
    """Serve an application where Hypercorn's configuration says, until a signal stops the process."""
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
