"""Damaged files of the source `support_cases`, as bytes."""

import codecs
import gzip
from collections.abc import Iterator
from random import Random
from typing import Final

HEADER: Final = "case_id,case_customer_id,customer_name,email,phone,topic,channel,text,opened_at,closed_at,csat"
PIECE: Final = 65_536
VALUES: Final = (
    "",
    "NULL",
    "1e400",
    "3.0",
    "9" * 1_001,
    "\u0000",
    "\ufeff",
    "Zo\u00eb \U0001f6d2",
    '"',
    "a\nb",
    "2026-02-31T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
    "x" * 40_000,
)


def hostile_files(random: Random, count: int) -> Iterator[bytes]:
    """Yield files; every kind of damage occurs once before any is repeated."""
    for number in range(count):
        yield _DAMAGES[number % len(_DAMAGES)](random)


def pieces(content: bytes) -> list[bytes]:
    """Return a file in pieces, as it is read."""
    return [content[start : start + PIECE] for start in range(0, len(content), PIECE)]


def rows(random: Random, *, header: str = HEADER, delimiter: str = ",") -> str:
    """Return a file of a few cases with some hostile values."""
    lines = [header]
    for _ in range(random.randrange(1, 12)):
        number = random.randrange(10**6)
        day = random.randrange(1, 28)
        row = [f"K{number:06}", "S000001", "Ann Lee", "ann@example.com", "", "delivery", "email", "late"]
        row += [f"2026-03-{day:02}T09:30:00Z", f"2026-03-{day:02}T12:00:00Z", str(random.randrange(1, 6))]
        if random.random() < 0.5:  # a share
            row[random.randrange(len(row))] = random.choice(VALUES)
        lines.append(delimiter.join(row))
    return "\n".join(lines) + "\n"


def _wrong_bytes(random: Random) -> bytes:
    data = bytearray(rows(random).encode())
    data[random.randrange(len(HEADER), len(data))] = 0xFF
    return bytes(data)


def _cut_gzip(random: Random) -> bytes:
    return gzip.compress(rows(random).encode())[:-9]


_DAMAGES: Final = (
    lambda random: rows(random).encode(),
    _wrong_bytes,
    lambda random: codecs.BOM_UTF8 + rows(random).encode(),
    lambda random: rows(random).encode("utf-16"),
    lambda random: gzip.compress(rows(random).encode()),
    _cut_gzip,
    lambda random: rows(random, header=HEADER.replace("email", "mail")).encode(),
    lambda random: rows(random, delimiter=";", header=HEADER.replace(",", ";")).encode(),
    lambda random: rows(random).encode().replace(b"\n", b"\r\n", 3),
    lambda _: b"",
    lambda _: (HEADER + "\n").encode(),
    lambda random: random.randbytes(5_000),
    lambda random: (rows(random) + "K000001," + "y" * 2_000_000 + "\n").encode(),
)
