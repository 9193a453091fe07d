"""Writes rows as files into the landing folder of their source, where the file ingestion finds them.

Each executor puts whole objects: what lands is complete, and no marker or temporary object lands with it.
"""

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from glue_jobs.shared import aws

FILE_CHARACTERS: Final = 64 * 1024 * 1024  # of a file's text; the ingestion reads up to 1 GiB


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """Where the rows of one run land.

    Attributes:
        bucket: the landing bucket.
        source: name of the source, whose folder it is.
        delivery: names the files of this run.
        columns: the columns, in the order of the rows.
        region: region of the bucket; an executor has no default.
    """

    bucket: str
    source: str
    delivery: str
    columns: Sequence[str]
    region: str

    def write(self, part: int, rows: Iterator[Any]) -> Iterator[int]:
        """Write the rows of one partition; yield how many each file has. The same part has the same names again."""
        s3 = aws.client("s3", region=self.region)
        for number, (text, count) in enumerate(self._files(rows)):
            key = f"{self.source}/{self.delivery}-{part:05d}-{number:03d}.csv.gz"
            body = gzip.compress(text.encode(), compresslevel=6, mtime=0)
            s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="application/gzip")
            yield count

    def _files(self, rows: Iterator[Any]) -> Iterator[tuple[str, int]]:
        text, count = io.StringIO(), 0
        writer = csv.writer(text, lineterminator="\n")
        for row in rows:
            if not count:
                writer.writerow(self.columns)
            writer.writerow([as_text(value) for value in row])
            count += 1
            if text.tell() >= FILE_CHARACTERS:
                yield text.getvalue(), count
                text, count = io.StringIO(), 0
                writer = csv.writer(text, lineterminator="\n")
        if count:
            yield text.getvalue(), count


def as_text(value: Any) -> str | None:
    """Return the text form of a value that a contract's file has; times are texts already.

    Raises:
        TypeError: the value has a type that no column of a contract has.
    """
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return format(Decimal(repr(value)), "f")
        case Decimal():
            return format(value, "f")
        case date():
            return value.isoformat()
        case _:
            raise TypeError(f"a value is a {type(value).__name__}; select it as a text, number, time or date in a view")
