"""The way back: why something was rejected, and what a source said on its stream again."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from c360_core.backfill import KEY, BackfillMode, Span
from c360_core.names import TableName, Zone, database_name
from ops.quarantine import Selection, summary_statement
from twin.scenario.deployment import Deployment, plain
from twin.shoppers import Manifest

Reasons = Mapping[str, int]  # rows by reason code


def rejected(deployment: Deployment) -> Reasons:
    """Return how many rejections are open by reason code, as `./c360 quarantine list` counts them."""
    sql, values = summary_statement(Selection())
    if values:
        raise ValueError("a list of everything has no values to fill in")
    database = database_name(deployment.emulator.settings.environment, Zone.QUARANTINE)
    found: Counter[str] = Counter()
    # By source and day, too: what cannot be read has no source, and the story may go past midnight.
    for _source, code, _day, _rows, still_open, _example in deployment.query(
        sql.replace(f"FROM {TableName.REJECTED} ", f"FROM {database}.{TableName.REJECTED} ")
    ):
        found[str(code)] += int(str(still_open))
    return found


def rejections_sent(manifest: Manifest) -> Reasons:
    """Return how many rejections the shoppers' data is made to have, by reason code."""
    sent: Counter[str] = Counter()
    for counts in [file.rejected for file in manifest.streams] + [
        file.rejected for file in (*manifest.files, *manifest.broken_files)
    ]:
        sent.update(counts)
    return sent


def differing(found: Reasons, sent: Reasons) -> int:
    """Return for how many reasons the counts differ."""
    return sum(found.get(code, 0) != sent.get(code, 0) for code in {*found, *sent})


def fill(deployment: Deployment, source: str) -> int:
    """Run a backfill of yesterday and today to its end; return how many interactions are on the stream again."""
    today = datetime.now(UTC).date()
    span = Span(source=source, first=today - timedelta(days=1), last=today)
    deployment.execute(
        "BackfillStateMachineArn",
        {
            KEY: span.identifier(),
            "source": span.source,
            "first_day": span.first.isoformat(),
            "last_day": span.last.isoformat(),
            "mode": BackfillMode.SEND,
        },
    )
    table = deployment.outputs["BackfillProgressTableName"]
    found = deployment.client("dynamodb").get_item(TableName=table, Key={KEY: {"S": span.identifier()}})
    return int(plain(found["Item"])["sent"])
