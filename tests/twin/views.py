"""What a reader of the single view sees of everybody, to be compared before and after profiles are made again."""

import json
import time
from collections.abc import Mapping
from typing import Any, Final

from c360_core import single_view_keys as keys
from ops.rebuild import RebuildReport, deployed, rebuild_profiles
from twin.scenario import straight, unify
from twin.scenario.collect import produce
from twin.scenario.deployment import Deployment
from twin.scenario.waiting import until

# What says when something was told, and not what.
OF_THE_TELLING: Final = {"computed_at", "version_order", "sequence", "revision", "rebuilt", "heard"}
# Since when somebody is in a segment, which a rebuild may make later.
OF_SEGMENTS: Final = {"since"}
# Here Flink's messages cross a bridge after its snapshot, and the end of what was told may overtake some of them.
BRIDGE_SECONDS: Final = 30
PREFIXES: Final = ("PROFILE", "SEGMENT#", "CONSENT#", "EVENT#", "DECISION#")
Item = Mapping[str, Any]
View = dict[str, dict[tuple[str, str], dict[str, Any]]]


class Notes:
    """Whoever types the command."""

    def note(self, text: str) -> None:
        """Take no notice."""


def told(item: Item) -> dict[str, Any]:
    left_out = OF_THE_TELLING | (OF_SEGMENTS if item["SK"].startswith(keys.SEGMENT_PREFIX) else set())
    found = {name: value for name, value in item.items() if name not in left_out}
    if "version" in found:
        found["version"] = {name: value for name, value in found["version"].items() if name != "sequence"}
    return found


def stands(item: Item) -> bool:
    """Say whether a reader sees it: an item without an answer only remembers one that was taken back."""
    return "granted" in item or not item["SK"].startswith(keys.CONSENT_PREFIX)


def view(deployment: Deployment, prefix: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(item["PK"], item["SK"]): told(item) for item in deployment.items(prefix) if stands(item)}


def differences(deployment: Deployment, before: Any, prefix: str) -> dict[Any, Any]:
    """Return what the single view has now and had before, where that is not the same."""

    def now() -> dict[Any, Any]:
        there, was = view(deployment, prefix), before[prefix]
        return {key: (was.get(key), there.get(key)) for key in was | there if was.get(key) != there.get(key)}

    deadline = time.monotonic() + BRIDGE_SECONDS
    while (found := now()) and time.monotonic() < deadline:
        time.sleep(1)
    return found


def whole(deployment: Deployment) -> View:
    """Return all that readers see, by the kind of item."""
    return {prefix: view(deployment, prefix) for prefix in PREFIXES}


def rebuild(deployment: Deployment) -> RebuildReport:
    """Make all profiles again, as `./c360 rebuild profiles` does."""
    settings = deployment.emulator.settings
    table: Any = settings.session().resource("dynamodb", endpoint_url=settings.endpoint)
    return rebuild_profiles(deployed(settings.environment, deployment.client, table.meta.client), Notes())


def count_once(deployment: Deployment, news: Item) -> None:
    """Send an order, and wait until the single view counts it, and counts it once."""
    orders = unify.view_totals(deployment).orders
    produce(straight.sender(deployment), [json.dumps(news)])
    until(
        f"the order {news['event_id']} is counted once",
        lambda: unify.view_totals(deployment).orders,
        lambda seen: seen == orders + 1,
        seconds=120,
    )
