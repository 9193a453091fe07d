"""What an environment costs while nothing happens, said at every synthesis.

List prices of us-east-1, November 2026, 730 hours a month. Use (requests, storage, queries, other runs) comes on top. A
run of the matcher that a schedule starts is paid whether anything has changed or not: it matches all records anew.
"""

from dataclasses import dataclass
from typing import Final

from c360_core.names import Stream
from config.collection import StreamSettings
from config.settings import Settings
from config.shared import FlinkSettings
from config.unification import UnificationSettings

_SHARD_USD: Final = 11
_ON_DEMAND_STREAM_USD: Final = 29
_KPU_USD: Final = 80
_KEY_USD: Final = 1.0
_SECRET_USD: Final = 0.4
_MATCHED_RECORD_USD: Final = 0.25 / 1000
_RUNS: Final = {"on_demand": 0.0, "weekly": 730 / (7 * 24), "nightly": 730 / 24}


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingCost:
    """One part that is paid whether it is used or not, in USD a month."""

    part: str
    usd: float


def standing_costs(settings: Settings, *, secrets: int) -> list[StandingCost]:
    """Return what is paid by the hour or the month under these settings."""
    costs = [StandingCost(part="KMS key and secrets", usd=_KEY_USD + secrets * _SECRET_USD)]
    if settings.collection.streams.deployed:
        costs.append(StandingCost(part=f"{len(Stream)} Kinesis streams", usd=_streams(settings.collection.streams)))
    applications = {"clean": settings.collection.clean, "unify": settings.unification.unify}
    for name, application in applications.items():
        if application.started:
            costs.append(StandingCost(part=f"Flink application {name}", usd=_flink(application)))
    if settings.unification.resolution_schedule != "on_demand":
        costs.append(matching(settings.unification))
    return costs


def matching(settings: UnificationSettings) -> StandingCost:
    """Return what Entity Resolution takes for the scheduled runs, to the cent."""
    runs = _RUNS[settings.resolution_schedule]
    usd = runs * settings.expected_identity_records * _MATCHED_RECORD_USD
    return StandingCost(part=f"Entity Resolution, {settings.resolution_schedule}", usd=round(usd, 2))


def _streams(settings: StreamSettings) -> float:
    each = settings.shards * _SHARD_USD if settings.mode == "provisioned" else _ON_DEMAND_STREAM_USD
    return len(Stream) * each


def _flink(settings: FlinkSettings) -> float:
    """One KPU per `parallelism_per_kpu` parallel tasks, and one for the service itself."""
    workers = -(-settings.parallelism // settings.parallelism_per_kpu)
    return (workers + 1) * _KPU_USD
