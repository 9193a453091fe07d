"""Glue job: recommendations from the marts, for the single view or for Amazon Personalize.

Arguments: environment, provider, recent_days, offered_days and age_restricted (departments with commas) from the
template; for `lake` single_view_table and keep_days, for `personalize` bucket and prefix.

Only people who have agreed to personalisation are in the mart. For `lake` the job trains the model and writes each
person's scores to the single view, then the catalogue that makes them count. For `personalize` it writes the files that
an import reads. A run may be repeated: it replaces what the one before has written.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pyspark.sql import SparkSession

from c360_core.names import Zone
from c360_core.recommendation.stored import catalogue_items, taste_items
from glue_jobs.recommend import rows
from glue_jobs.recommend.model import Interaction, learn
from glue_jobs.shared import aws, lake, runtime

LOG = logging.getLogger("recommend")
INTERACTIONS: Final = "product_interactions"
ARTICLES: Final = "products_sold"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendArguments:
    """Arguments from the template."""

    environment: str
    provider: str
    recent_days: str
    offered_days: str
    age_restricted: str = ""
    single_view_table: str = ""
    keep_days: str = "30"
    bucket: str = ""
    prefix: str = ""

    def cuts(self, now: datetime) -> rows.Cuts:
        """Return what is recent and what is offered."""
        return rows.Cuts(
            now=now,
            recent=timedelta(days=int(self.recent_days)),
            offered=timedelta(days=int(self.offered_days)),
            age_restricted=frozenset(filter(None, self.age_restricted.split(","))),
        )


def run(spark: SparkSession, arguments: RecommendArguments, *, now: datetime) -> dict[str, int]:
    """Write recommendations or files; return how much there was of each."""
    cuts = arguments.cuts(now)
    told = [rows.interaction(row, cuts) for row in _rows(spark, arguments, INTERACTIONS)]
    items = {row["product_id"]: rows.attributes(row, cuts) for row in _rows(spark, arguments, ARTICLES)}
    if arguments.provider == "personalize":
        _export(told, items, arguments)
    else:
        _keep(told, items, arguments, now)
    counts = {"interactions": len(told), "items": len(items)}
    LOG.info("%s: %s", arguments.provider, counts)
    return counts


def _rows(spark: SparkSession, arguments: RecommendArguments, table: str) -> Iterable[Mapping[str, Any]]:
    found = lake.current(spark, lake.table_name(arguments.environment, Zone.PRODUCTS, table))
    return (row.asDict() for row in found.toLocalIterator())


def _export(told: list[Interaction], items: Mapping[str, Mapping[str, str]], arguments: RecommendArguments) -> None:
    s3 = aws.client("s3")
    for data_set, text in rows.files(told, items).items():
        key = f"{arguments.prefix}{data_set.folder}{data_set.value.lower()}.csv"
        s3.put_object(Bucket=arguments.bucket, Key=key, Body=text.encode())


def _keep(
    told: list[Interaction],
    items: Mapping[str, Mapping[str, str]],
    arguments: RecommendArguments,
    now: datetime,
) -> None:
    """Write people first and the catalogue last, whose item `LATEST` is the last of all."""
    learned = learn(told, items)
    version = int(now.timestamp() * 1000)
    expires_at = int((now + timedelta(days=int(arguments.keep_days))).timestamp())
    client, table = aws.dynamodb(), arguments.single_view_table
    for item in taste_items(learned.tastes, version=version, expires_at=expires_at):
        client.put_item(TableName=table, Item=item)
    for item in catalogue_items(learned.catalogue, version=version, expires_at=expires_at):
        client.put_item(TableName=table, Item=item)


def main() -> None:
    """Read the arguments and recommend."""
    runtime.start_logging("recommend")
    arguments = runtime.read_arguments(RecommendArguments)
    run(runtime.spark_session(), arguments, now=datetime.now(UTC))


if __name__ == "__main__":
    main()
