"""How much a run may hold: all of it is in the memory of one process, the driver."""

from collections.abc import Mapping


class TooManyRecordsError(RuntimeError):
    """A table has more rows than the driver can hold; the message names it, the limit and what to do."""


def refuse_too_many(rows: Mapping[str, int], most: int) -> None:
    """Refuse a run that would end for want of memory, before anything is read into it.

    Args:
        rows: table -> how many rows of it the run would hold.
        most: how many of one table fit.

    Raises:
        TooManyRecordsError: there are more.
    """
    over = [f"{table} has {count:,}" for table, count in rows.items() if count > most]
    if over:
        raise TooManyRecordsError(
            f"the driver holds {most:,} rows of a table at most, but {', '.join(over)}: set "
            "unification.identity_driver to G.2X where it is G.1X and deploy; a G.2X takes 1,000,000. Nothing was "
            "written"
        )
