"""Readings of a lake table: the engine is asked after a commit, and not again before the next."""

from types import SimpleNamespace
from typing import Any, cast

from twin.scenario.deployment import Deployment
from twin.scenario.lake import at_commits


class Catalog:
    """A catalog with one table, of which only the place of its newest metadata is asked."""

    def __init__(self) -> None:
        self.version = 1

    def get_table(self, **asked: str) -> dict[str, Any]:
        assert asked == {"DatabaseName": "raw", "Name": "interactions"}
        return {"Table": {"Parameters": {"metadata_location": f"s3://lake/{self.version}.metadata.json"}}}


def test_a_reading_is_repeated_only_after_a_commit() -> None:
    catalog, taken = Catalog(), list[int]()
    emulator = SimpleNamespace(client=lambda _service, _as: catalog)
    deployment = Deployment(emulator=cast(Any, emulator), outputs={})

    def count() -> int:
        taken.append(catalog.version)
        return 100 * catalog.version

    reading = at_commits(deployment, "raw.interactions", count)
    seen = [reading(), reading()]
    catalog.version = 2
    seen += [reading(), reading()]

    assert seen == [100, 100, 200, 200]
    assert taken == [1, 2]
