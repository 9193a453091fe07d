"""Connections of the templates, as Glue's API gives them to a job."""

import time
from typing import Final

from twin.emulator.stand_ins import Resource

CONNECTION: Final = "AWS::Glue::Connection"
NAME_KEY: Final = "Name"


def keep(resource: Resource) -> None:
    """Let the emulator's GetConnection find a connection that was deployed or changed."""
    from ministack.services import glue

    connection = resource.properties["ConnectionInput"]
    now = int(time.time())
    glue._connections[connection[NAME_KEY]] = {**connection, "CreationTime": now, "LastUpdatedTime": now}


def forget(resource: Resource) -> None:
    """Let the emulator forget a connection that was deleted."""
    from ministack.services import glue

    glue._connections.pop(resource.properties["ConnectionInput"][NAME_KEY], None)


def exists(name: str) -> bool:
    """Say whether the emulator has a connection of this name."""
    from ministack.services import glue

    return name in glue._connections
