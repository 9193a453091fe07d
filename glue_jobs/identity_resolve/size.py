"""The size limit of a run: the driver holds all of its rows in memory."""

from collections.abc import Mapping


class TooManyRecordsError(RuntimeError):
    """A table has more rows than the driver can hold; the message names the table, the limit and the fix."""


def refuse_too_many(rows: Mapping[str, int], most: int) -> None:
    """Refuse a run that would run out of memory, before it reads anything.

    Args:
        rows: table -> number of rows that the run would hold.
        most: limit per table.

    Raises:
        TooManyRecordsError: a table has more rows.
    """
    over = [f"{table} has {count:,}" for table, count in rows.items() if count > most]
    if over:
        raise TooManyRecordsError(
            f"the driver holds at most {most:,} rows of a table, but {', '.join(over)}; nothing was written. If "
            "unification.identity_driver is G.1X, set it to G.2X, which holds 1,000,000, and deploy"
        )
