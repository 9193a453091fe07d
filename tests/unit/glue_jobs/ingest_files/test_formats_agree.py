"""The same rows in files of every type are the same rows, and damaged files of every type end with a reason."""

import bz2
import gzip
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from io import BytesIO
from random import Random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.contracts import FileFormat, load
from glue_jobs.ingest_files.landed_file import inspect, rows
from glue_jobs.ingest_files.refusal import RefusedFileError
from tests.factories.file_formats import WRITERS, json_lines_file, parquet_file
from tests.factories.file_tables import file_table
from tests.factories.hostile_files import pieces

SEED: Final = 20_260_301
FILES: Final = 600
COLUMNS: Final = {"id": "string", "age": "integer", "spent": "number", "member": "boolean", "since": "date",
                  "at": "timestamp"}  # fmt: skip
TABLE: Final = file_table(COLUMNS, key="id")
NUMBERS: Final = frozenset({"age", "spent"})


def dialect(plain: FileFormat) -> FileFormat:
    return replace(
        plain,
        date_formats=("dd.MM.yyyy",),
        timestamp_formats=("yyyy-MM-dd HH:mm:ss",),
        zone="Europe/Berlin",
        true_words=("yes",),
        false_words=("no",),
        null_words=("NULL",),
    )


# Any text that every type can hold: no control characters, and not blanks alone, which in XML are an empty element.
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), max_size=8).filter(
    lambda text: not text or bool(text.strip())
)
VALUES: Final[Mapping[str, st.SearchStrategy[str]]] = {
    "id": TEXTS,
    "age": st.integers(0, 10**20).map(str) | st.sampled_from(["", "five", "3.5", "-1", "007", "NULL"]),
    "spent": st.decimals(0, 10**6, places=2).map(str) | st.integers(0, 10**6).map(str) | st.sampled_from(["", "1,5"]),
    "member": st.sampled_from(["", "true", "FALSE", "yes", "no", "1", "maybe", "NULL"]),
    "since": st.dates().map(str) | st.sampled_from(["", "01.03.2026", "2026-02-30", "soon"]),
    "at": st.datetimes().map(lambda at: f"{at.isoformat()}+01:00") | st.sampled_from(["", "2026-03-29 02:30:00", "x"]),
}
WRITE = {
    name: partial(write, numbers=NUMBERS) if write in {json_lines_file, parquet_file} else write
    for name, (_, write) in WRITERS.items()
}


@given(st.lists(st.fixed_dictionaries(dict(VALUES)), max_size=5))
def test_every_type_gives_the_same_texts(records: list[dict[str, str]]) -> None:
    found = {}
    for name, (plain, _) in WRITERS.items():
        content, file_format = WRITE[name](records, tuple(COLUMNS)), dialect(plain)
        assert inspect([content], TABLE, file_format) == ()
        found[name] = [(row.number, row.values, row.code) for row in rows([content], TABLE, file_format)]
    assert found["json_lines"] == found["parquet"] == found["xml"] == found["csv"]


@pytest.mark.parametrize("name", WRITERS)
def test_every_type_tells_missing_and_unknown_columns_alike(name: str) -> None:
    file_format, write = WRITERS[name]
    record = dict.fromkeys([*COLUMNS, "vip"], "1")

    assert inspect([write([record], [*COLUMNS, "vip"])], TABLE, file_format) == ("vip",)
    with pytest.raises(RefusedFileError, match="column `spent` is missing") as raised:
        inspect([write([record], [column for column in COLUMNS if column != "spent"])], TABLE, file_format)
    assert raised.value.code == "MISSING_COLUMN"


# ---- damaged files


def _zipped(content: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", content)
        archive.writestr("b", content)
    return buffer.getvalue()


def _noise(random: Random, content: bytes) -> bytes:
    at, size = random.randrange(len(content) + 1), random.randrange(1, 40)
    return content[:at] + random.randbytes(size) + content[at + random.choice([0, size]) :]


Damage = Callable[[Random, bytes], bytes]
MAGIC: Final = (b"PAR1", b"\x1f\x8b", b"PK\x03\x04", b"BZh91AY&", b"ORC\0")
OPENINGS: Final = (b"[", b'{"a":', b"<a>", b'"')
DAMAGES: Final[Mapping[str, Damage]] = {
    "none": lambda _, content: content,
    "cut off": lambda random, content: content[: random.randrange(len(content))],
    "noise": _noise,
    "empty": lambda *_: b"",
    "byte order mark": lambda _, content: b"\xef\xbb\xbf" + content,
    "utf-16": lambda _, content: content.decode("latin-1").encode("utf-16"),
    "zeros": lambda _, content: bytes(100) + content,
    "wrong magic": lambda random, content: random.choice(MAGIC) + content,
    "twice": lambda _, content: content * 2,
    "a part many times": lambda random, content: content[:20] * random.randrange(1, 200),
    "one long part": lambda _, content: content[:40] + b"x" * 1_200_000 + content[40:],
    "deep": lambda random, content: content + random.choice(OPENINGS) * 100_000,
    "bits": lambda random, content: bytes(byte ^ (random.random() < 0.01) for byte in content),
}
PACKS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "zip": _zipped,
}
CASES: Final = load().source("support_cases")


def _content(random: Random, name: str) -> bytes:
    assert CASES.table is not None
    usual = {
        "case_id": "K000001", "case_customer_id": "S000001", "topic": "delivery", "channel": "email",
        "opened_at": "2026-03-01T09:30:00Z", "csat": "5",
    }  # fmt: skip
    columns = CASES.table.file_columns
    records = [dict.fromkeys(columns, "") | usual | {"case_id": f"K{random.randrange(10**6):06}"} for _ in range(9)]
    return WRITERS[name][1](records, columns)


def test_damaged_files_of_every_type_are_read_or_refused_with_a_reason() -> None:
    """Every kind of damage to every type, before and after it is packed: never a traceback, never a row lost."""
    assert CASES.table is not None
    random, found, seen = Random(SEED), Counter[str](), Counter[str]()
    wheres = [(name, pack, packed_first) for name in WRITERS for pack in PACKS for packed_first in (True, False)]
    kinds = [(*where, damage) for where in wheres for damage in DAMAGES]
    for number in range(FILES):
        name, pack, packed_first, damage = kinds[number * 7 % len(kinds)]
        content = _content(random, name)
        content = PACKS[pack](content) if packed_first else content
        content = DAMAGES[damage](random, content)
        content = content if packed_first else PACKS[pack](content)
        outcome = _outcome(content, WRITERS[name][0], found)
        seen[name] += 1
        found[outcome] += 1
        assert outcome == "read" or damage != "none" or (name == "parquet" and pack != "plain"), (name, pack)

    assert found["read"] + found["refused"] == FILES == sum(seen.values())
    assert min(seen.values()) > FILES / 5
    assert min(found["read"], found["refused"], found["good rows"], found["bad rows"]) > FILES / 20


def _outcome(content: bytes, file_format: FileFormat, found: Counter[str]) -> str:
    assert CASES.table is not None
    given = pieces(content)
    try:
        inspect(given, CASES.table, file_format)
    except RefusedFileError as error:
        return "refused" if error.code and str(error) else "refused without a reason"
    read = list(rows(given, CASES.table, file_format))
    if read and read[-1].number == 0:
        assert read[-1].reason
        return "refused"
    for row in read:
        assert row.code is None or row.reason
        found["bad rows" if row.code else "good rows"] += 1
    return "read"
