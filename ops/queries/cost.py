"""What a query costs, by Athena's list prices in us-east-1."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final, Self

USD_PER_TERABYTE: Final = Decimal(5)
_TERABYTE: Final = 1_000_000_000_000
_MEGABYTE: Final = 1_000_000
_LEAST_BILLED: Final = 10 * _MEGABYTE
_USD_DIGITS: Final = Decimal("0.000001")
_BILLED: Final = "DML"  # definitions and lists are free, but for the data that CREATE TABLE AS and EXPLAIN ANALYZE read
_FREE_STATES: Final = frozenset({"FAILED"})  # who cancels a query pays for what it has read


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryCost:
    """What a query has read and costs.

    Attributes:
        scanned_bytes: what it read.
        billed_bytes: what is billed: whole megabytes, ten at least; nothing for an earlier result, on capacity of
            one's own, and for what failed, defines or lists.
        usd: the price in dollars, without requests and storage of S3 and of the key.
        dpus: units of reserved capacity that it used, which are paid for by the hour; None where it is billed by bytes.
        seconds: how long it took, the queue included.
        reused: it was answered by an earlier result.
    """

    scanned_bytes: int
    billed_bytes: int
    usd: Decimal
    dpus: float | None
    seconds: float
    reused: bool

    @classmethod
    def of(cls, execution: Mapping[str, Any]) -> Self:
        """Return the cost of a query as GetQueryExecution describes it once it has ended."""
        stated = execution.get("Statistics", {})
        scanned, dpus = int(stated.get("DataScannedInBytes", 0)), stated.get("DpuCount")
        reused = bool(stated.get("ResultReuseInformation", {}).get("ReusedPreviousResult"))
        is_billed = (
            (scanned > 0 or execution.get("StatementType", _BILLED) == _BILLED)
            and execution["Status"]["State"] not in _FREE_STATES
            and not reused
            and dpus is None
        )
        billed = max(_LEAST_BILLED, -(-scanned // _MEGABYTE) * _MEGABYTE) if is_billed else 0
        price = USD_PER_TERABYTE * billed / _TERABYTE
        return cls(
            scanned_bytes=scanned,
            billed_bytes=billed,
            usd=price.quantize(_USD_DIGITS, ROUND_CEILING),
            dpus=None if dpus is None else float(dpus),
            seconds=stated.get("TotalExecutionTimeInMillis", 0) / 1000,
            reused=reused,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "scanned_bytes": self.scanned_bytes,
            "billed_bytes": self.billed_bytes,
            "usd": str(self.usd),
            "dpus": self.dpus,
            "seconds": self.seconds,
            "reused": self.reused,
        }

    def __str__(self) -> str:
        """Say it to people."""
        took = f"{self.seconds:.1f} s"
        if self.reused:
            return f"an earlier result; nothing was read; {took}"
        read = f"{in_units(self.scanned_bytes)} read"
        if self.dpus is not None:
            return f"{read}; {self.dpus:g} DPUs of reserved capacity, which are paid for by the hour; {took}"
        return f"{read}, {in_units(self.billed_bytes)} billed: {self.usd} USD; {took}"


def in_units(amount: int) -> str:
    """Write a number of bytes in decimal units, as Athena counts them."""
    for unit, size in (("TB", _TERABYTE), ("GB", 1_000_000_000), ("MB", _MEGABYTE), ("kB", 1000)):
        if amount >= size:
            return f"{amount / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{amount} bytes"
