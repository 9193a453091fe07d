"""Files of every type of which nothing may be loaded, and files of one good row; a source for each type.

A file is bad as a whole, or has one bad row; both carry a mark by which they are found in quarantine.
"""

import gzip
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from random import Random
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from c360_core.contracts import Contracts
from tests.factories.file_formats import ROW_ELEMENT, WRITERS

# The type of file that each source sends in these tests, as the compiled contracts say it.
FORMATS: Final[Mapping[str, Mapping[str, str]]] = {
    "demographics": {"type": "csv"},
    "support_cases": {"type": "json_lines"},
    "loyalty_members": {"type": "parquet"},
    "crm_contacts": {"type": "xml", "row_element": ROW_ELEMENT},
}
NOBODY: Final = "nobody"  # a folder that is no source's
KEYS: Final[Mapping[str, str]] = {
    "demographics": "D",
    "support_cases": "K",
    "loyalty_members": "L",
    "crm_contacts": "C",
}
VALUES: Final[Mapping[str, str]] = {
    "case_customer_id": "S000001",
    "topic": "delivery",
    "channel": "email",
    "opened_at": "2026-03-01T10:00:00Z",
    "joined_at": "2026-01-01T00:00:00Z",
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-03-01T00:00:00Z",
    "facts_since": "2026-03-01T00:00:00Z",
    "email": "ann@example.com",
    "points": "7",
    "email_opt_in": "true",
}
Row = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedBytes:
    """A file as it lands.

    Attributes:
        key: folder and name.
        content: its bytes.
        mark: in its key; of a file with a bad row also in that row.
        whole: the file is bad as a whole.
    """

    key: str
    content: bytes
    mark: str
    whole: bool = False


class Files:
    """Writes the files of the sources.

    Args:
        contracts: with the columns of the sources.
        seed: of what is left to chance.
    """

    def __init__(self, contracts: Contracts, seed: int) -> None:
        self._random = Random(seed)
        self._columns: dict[str, list[str]] = {}
        for source in FORMATS:
            table = contracts.source(source).table
            assert table is not None
            self._columns[source] = list(table.file_columns)

    def good(self, count: int) -> Iterator[LandedBytes]:
        """Yield files of one row, each another; the sources take turns."""
        for number in range(count):
            source = list(FORMATS)[number % len(FORMATS)]
            row = self._row(source, f"{KEYS[source]}{number:08}")
            yield LandedBytes(
                key=f"{source}/good-{number:05}",
                content=self._written(source, [row]),
                mark=f"{KEYS[source]}{number:08}",
            )

    def bad(self, count: int) -> Iterator[LandedBytes]:
        """Yield files of which nothing may be loaded; every damage of every type comes before any is repeated."""
        kinds = [(source, name) for source in FORMATS for name in self._damages(source)]
        kinds = [*kinds, (NOBODY, "of nobody")]
        for number in range(count):
            source, name = kinds[number % len(kinds)]
            mark = f"BAD{number:05}"
            key = f"{source}/{mark}-{name.replace(' ', '-')}"
            if source == NOBODY:
                yield LandedBytes(key=key, content=b"a,b\n1,2\n", mark=mark, whole=True)
                continue
            content = self._damages(source)[name](mark)
            yield LandedBytes(key=key, content=content, mark=mark, whole=not name.startswith("row"))

    def _row(self, source: str, key: str) -> Row:
        columns = self._columns[source]
        return dict.fromkeys(columns, "") | {n: VALUES[n] for n in columns if n in VALUES} | {columns[0]: key}

    def _written(self, source: str, rows: Sequence[Row], without: str = "") -> bytes:
        write = WRITERS[FORMATS[source]["type"]][1]
        return write(rows, [name for name in self._columns[source] if name != without])

    def _some(self, source: str, key: str = "") -> list[Row]:
        """Return a few good rows, of which one has the given key."""
        rows = [self._row(source, f"{KEYS[source]}9{number:06}") for number in range(self._random.randrange(2, 6))]
        if key:
            rows = [self._row(source, key)]
        return rows

    # ---- damages: by name, from the mark of the file to its bytes

    def _damages(self, source: str) -> Mapping[str, Callable[[str], bytes]]:
        kind = FORMATS[source]["type"]
        last = self._columns[source][-1]
        shared: dict[str, Callable[[str], bytes]] = {
            "row with a wrong key": lambda mark: self._written(source, self._some(source, mark)),
            "no column": lambda _: self._written(source, self._some(source), without=last),
            "compressed by zstd": lambda _: b"\x28\xb5\x2f\xfd" + self._random.randbytes(300),
            "a spreadsheet": lambda _: b"\xd0\xcf\x11\xe0" + self._random.randbytes(300),
        }
        if kind == "parquet":
            return shared | {
                "truncated": lambda _: self._written(source, self._some(source))[:-20],
                "no end": lambda _: b"PAR1" + self._random.randbytes(200),
                "of another type": lambda _: self._csv_of(source),
                "row with a fraction": lambda mark: self._parquet_with_a_fraction(source, mark),
            }
        texts = shared | {
            "wrong bytes": lambda _: self._with_a_wrong_byte(self._written(source, self._some(source))),
            "in UTF-16": lambda _: self._written(source, self._some(source)).decode().encode("utf-16"),
            "cut gzip": lambda _: gzip.compress(self._written(source, self._some(source)))[:-9],
            "cut zip": lambda _: _zipped({"a": self._written(source, self._some(source))})[:-30],
            "a bad file in a zip": lambda _: _zipped(
                {"good": self._written(source, self._some(source)), "bad": b"\xff\xfe\xfd" * 50}
            ),
            "Parquet": lambda _: WRITERS["parquet"][1](self._some(source), self._columns[source]),
        }
        if kind == "csv":
            return texts | {"wrong delimiter": lambda _: self._written(source, self._some(source)).replace(b",", b";")}
        if kind == "json_lines":
            return texts | {
                "cut off": lambda mark: self._written(source, self._some(source, mark))[:-40],
                "an array": lambda mark: f'["{mark}"]\n'.encode(),
                "row with a key twice": lambda mark: f'{{"case_id": "{mark}", "case_id": "K000001"}}\n'.encode(),
            }
        return texts | {
            "truncated": lambda _: self._written(source, self._some(source))[:-25],
            "with a DOCTYPE": lambda _: (
                b'<!DOCTYPE records [<!ENTITY e "x">]>' + self._written(source, self._some(source))
            ),
            "not nested": lambda _: self._written(source, self._some(source)).replace(b"</records>", b"</record>"),
        }

    def _with_a_wrong_byte(self, content: bytes) -> bytes:
        at = self._random.randrange(len(content) // 2, len(content) - 1)
        return content[:at] + b"\xff" + content[at + 1 :]

    def _csv_of(self, source: str) -> bytes:
        return WRITERS["csv"][1](self._some(source), self._columns[source])

    def _parquet_with_a_fraction(self, source: str, mark: str) -> bytes:
        rows, buffer = self._some(source, mark), BytesIO()
        columns: dict[str, Any] = {n: pa.array([row[n] or None for row in rows]) for n in self._columns[source]}
        columns["points"] = pa.array([7.5 for _ in rows], pa.float64())
        pq.write_table(pa.table(columns), buffer)
        return buffer.getvalue()


def _zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()
