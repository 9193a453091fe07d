"""Checks of a landed file before Spark reads it."""

import bz2
import csv
import gzip
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.contracts import FileFormat, Table, load
from c360_core.landing import is_folder_mark
from glue_jobs.ingest_files import packing
from glue_jobs.ingest_files.csv_rows import CsvReader, Header
from glue_jobs.ingest_files.landed_file import file_source, folder_of, inspect, rows
from glue_jobs.ingest_files.refusal import RefusedFileError
from glue_jobs.ingest_files.row import UNREADABLE_ROW, Row
from tests.factories.file_tables import file_table

COLUMNS = ("id", "name")


PLAIN = FileFormat()
TEXTS = st.lists(st.sampled_from(["a", ",", ";", "|", "\t", '"', "\n", "\r", " ", "é", "\u2028"]), max_size=6).map(
    "".join
)
TABLE = file_table(dict.fromkeys(COLUMNS, "string"))


def in_pieces(content: bytes, size: int = 3) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


def read(pieces: list[bytes], table: Table, file_format: FileFormat) -> list[Row]:
    inspect(pieces, table, file_format)
    return list(rows(pieces, table, file_format))


def header_of(content: bytes, file_format: FileFormat = PLAIN) -> Header:
    (member,) = packing.text_members(in_pieces(content), "csv")
    return CsvReader(TABLE, file_format).header(member.pieces)


def rows_of(content: bytes | str, file_format: FileFormat = PLAIN, size: int = 3) -> list[Row]:
    pieces = in_pieces(content if isinstance(content, bytes) else content.encode(), size)
    return read(pieces, TABLE, file_format)


def values_of(content: bytes | str, file_format: FileFormat = PLAIN, size: int = 3) -> list[tuple[str | None, ...]]:
    """Return the values of all rows; none may be bad."""
    found = rows_of(content, file_format, size)
    assert [row.reason for row in found if row.reason] == []
    return [row.values for row in found]


def refusal(content: bytes, file_format: FileFormat = PLAIN) -> RefusedFileError:
    with pytest.raises(RefusedFileError) as raised:
        header_of(content, file_format)
    return raised.value


def test_a_file_belongs_to_the_source_whose_folder_it_lies_in() -> None:
    assert file_source("support_cases/2026/03/day.csv", load()).name == "support_cases"


@pytest.mark.parametrize(
    ("key", "folder"),
    [
        ("newsletter/day.csv", "newsletter"),
        ("web_events/day.csv", "web_events"),
        ("Support_Cases/day.csv", "Support_Cases"),
        ("support_cases", ""),
        ("day.csv", ""),
        ("/support_cases/day.csv", ""),
    ],
    ids=["no contract", "sends events, no files", "other letters", "no folder", "no name", "empty folder"],
)
def test_a_file_of_an_unknown_source_is_refused_with_its_path_and_the_known_folders(key: str, folder: str) -> None:
    with pytest.raises(RefusedFileError) as raised:
        file_source(key, load())

    assert raised.value.code == "UNKNOWN_SOURCE"
    assert f"`{key}`" in str(raised.value)
    assert ", ".join(f"{source.name}/" for source in sorted(load().file_sources(), key=lambda one: one.name)) in str(
        raised.value
    )
    assert folder_of(key) == folder


def test_a_file_with_the_columns_in_another_order_is_read_in_its_own_order() -> None:
    assert header_of(b"name,id\nAnn,1\n") == Header(columns=("name", "id"), extra=(), width=2)


def test_a_byte_order_mark_is_not_part_of_the_first_column() -> None:
    assert header_of(b"\xef\xbb\xbfid,name\n").columns == COLUMNS


def test_quotes_and_spaces_around_names_are_removed() -> None:
    assert header_of(b'"id", name\r\n').columns == COLUMNS


def test_an_extra_column_is_named() -> None:
    assert header_of(b"id,vip,name\n").extra == ("vip",)


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"id\n1\n", "MISSING_COLUMN", "column `name` is missing; the file has `id`"),
        (b"", "MISSING_COLUMN", "column `id`, `name` is missing; the file has no header row"),
        (b"id;name\n1;Ann\n", "MISSING_COLUMN", "the file has `;` between its columns, but its contract says commas"),
        (b"id\tname\n", "MISSING_COLUMN", "the file has `tab` between its columns"),
        (b"sep=;\nid;name\n", "MISSING_COLUMN", "the file has `;` between its columns"),
        (b"ID,Name\n1,Ann\n", "MISSING_COLUMN", "column `id`, `name` is in another case"),
        (b'"id,name\n1,Ann\n', "MISSING_COLUMN", "line 1, the header, has a quote that is not closed"),
        (b"PK\x03\x04 and so on", "WRONG_ENCODING", "a truncated zip archive: it has no table of contents"),
        (
            gzip.compress(b"id,name\n1,Ann\n", mtime=0)[:-9],
            "WRONG_ENCODING",
            "the file is truncated: its gzip has no end",
        ),
        (gzip.compress(b"id,name\n" * 99, mtime=0)[:20] + b"?" * 40, "WRONG_ENCODING", "the file is damaged gzip"),
        (b"id,name,id\n", "EXTRA_COLUMN", "column `id` appears twice"),
        (b"id,name\n1,Zo\xe9\n", "WRONG_ENCODING", "byte 0xE9 at offset 12, line 2"),
        (b"id,name\n1,Ann\n2,Zo\xc3", "WRONG_ENCODING", "the file ends inside a character, line 3"),
        ("id,name\n".encode("utf-16-le"), "WRONG_ENCODING", "a zero byte after line 1"),
        ("id,name\n".encode("utf-16"), "WRONG_ENCODING", "byte 0xFF at offset 0, line 1"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_place(content: bytes, code: str, words: str) -> None:
    error = refusal(content)
    assert error.code == code
    assert words in str(error)


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize(
    "content",
    [
        "id,name\n1,Ann\n2,Bob\n",
        "id,name\r\n1,Ann\n2,Bob\n",
        "id,name\n1,Ann\r\n2,Bob\r\n",
        "id,name\r1,Ann\r2,Bob\r",
        "id,name\r1,Ann\r\n2,Bob",
        "\n\nid,name\n\n1,Ann\r\n\r\n2,Bob\n\n",
        '"id","name"\n"1","Ann"\n"2","Bob"\n',
        "id,name,,\n1,Ann,,\n2,Bob\n",
        "sep=,\r\nid,name\r\n1,Ann\r\n2,Bob\r\n",
        "\ufeffid,name\n1,Ann\n2,Bob",
    ],
)
def test_the_same_rows_are_read_from_any_quoting_and_line_ends(content: str, size: int) -> None:
    assert values_of(content, size=size) == [("1", "Ann"), ("2", "Bob")]


@pytest.mark.parametrize(
    "compress", [gzip.compress, bz2.compress, lambda text: gzip.compress(text[:9]) + gzip.compress(text[9:])]
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_content_says_whether_a_file_is_compressed(compress: Callable[[bytes], bytes], size: int) -> None:
    assert values_of(compress(b"id,name\n1,Ann\n2,Bob\n"), size=size) == [("1", "Ann"), ("2", "Bob")]


def test_a_well_compressed_file_is_read_in_small_pieces() -> None:
    text = b"id,name\n" + b"1,Ann\n" * 2_000_000
    (member,) = packing.text_members([gzip.compress(text)], "csv")
    pieces = [len(piece) for piece in member.pieces]
    assert (sum(pieces), max(pieces)) == (len(text), 1 << 20)


def test_more_text_than_one_task_can_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MAX_TEXT_BYTES", 1000)
    error = refusal(gzip.compress(b"id,name\n" + b"1,Ann\n" * 1000))
    assert (error.code, "several files" in str(error)) == ("OVERSIZE", True)


def test_values_keep_their_line_breaks_and_empty_ones_are_null() -> None:
    content = 'id,name\n1,"Ann\r\n""Lee"", x"\n2,""\n3,\n4,5" pipe\n'
    assert values_of(content) == [("1", 'Ann\r\n"Lee", x'), ("2", None), ("3", None), ("4", '5" pipe')]


@pytest.mark.parametrize(
    ("damage", "line", "good"),
    [
        ('2,"Bob\n', 3, ["1", "3", "4"]),
        ('2,"Bob" x\n', 3, ["1", "3", "4"]),
        ('"2,Bob\n', 3, ["1", "3", "4"]),
        ('2,"Bob\n9,"quoted, too"\n', 3, ["1", "9", "3", "4"]),
    ],
)
def test_one_stray_quote_costs_one_row(damage: str, line: int, good: list[str]) -> None:
    found = rows_of(f"id,name\n1,Ann\n{damage}3,Cy\n4,Di\n")

    assert [row.values[0] for row in found if row.code is None] == good
    (bad,) = [row for row in found if row.code]
    assert bad.code == "MISSING_COLUMN"
    assert f"line {line}, has a quote that is not closed" in str(bad.reason)
    assert bad.body == damage.splitlines()[0]


CASE = load().source("support_cases")
CASE_COLUMNS = CASE.table.file_columns  # type: ignore[union-attr]


def cases_of(*lines: str) -> list[Row]:
    assert CASE.table is not None
    return read(["\n".join([",".join(CASE_COLUMNS), *lines]).encode()], CASE.table, CASE.file_format)


def case(number: int, name: str = "Ann", text: str = "late") -> str:
    return f"K{number:06},S000001,{name},,,refund,email,{text},2026-03-01T10:00:00Z,,"


@pytest.mark.parametrize("between", [0, 1, 3])
def test_two_stray_quotes_hide_no_rows(between: int) -> None:
    hidden = [case(2, name='"Bob'), *(case(3 + more) for more in range(between)), case(9, name='Di"')]
    found = cases_of(case(1), *hidden, case(10))

    assert [row.values[0] for row in found if row.code is None] == ["K000001", "K000010"]
    (bad,) = [row for row in found if row.code]
    assert f"row 2 has {len(hidden)} lines from line 3 on, and one of its values looks like rows" in str(bad.reason)
    assert bad.body == "\n".join(hidden)


def test_a_text_of_several_lines_with_as_many_commas_as_a_row_is_a_text() -> None:
    text = "Hi, late, again, for\n" + "a,b,c,d,e,f,g,h,i,j,k\n" + "x,y,z,1,2,3,4,5"
    (row,) = cases_of(case(1, text=f'"{text}"'))
    assert row.code is None
    assert text in row.values


def test_the_content_of_a_quoted_text_is_never_read_as_rows() -> None:
    """A customer may write file rows into a message, also in a row with other errors."""
    text = '"Hello\n' + case(7) + '\nbye"'
    fine, wrong = cases_of(case(1, text=text), case(2, name="Lee, Ann", text=text))
    assert (fine.code, wrong.code) == (None, "EXTRA_COLUMN")


def test_a_quote_that_is_open_too_long_refuses_the_file_with_its_line() -> None:
    *_, last = rows_of('id,name\n1,Ann\n2,"Bob\n' + "3,Cy and his friends\n" * 60_000, size=1 << 16)

    assert (last.number, last.code) == (UNREADABLE_ROW, "MISSING_COLUMN")
    assert "record that begins in line 3 has more than 1,048,576 characters" in str(last.reason)
    assert "close it" in str(last.reason)


def test_a_header_without_a_line_end_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(RefusedFileError, match="more than 1,048,576 characters"):
        inspect(in_pieces(b"id," * 800_000, 1 << 16), TABLE, PLAIN)


def test_an_empty_last_value_does_not_correct_a_shifted_row() -> None:
    """`Ames, IA` without quotes shifts all later values; dropping the empty value at the end would hide that."""
    (row,) = rows_of("id,name\nAmes, IA,\n")
    assert (row.code, row.values) == ("EXTRA_COLUMN", (None, None))


def test_a_value_in_a_column_without_a_name_is_not_dropped() -> None:
    (row,) = rows_of("id,name,\n1,Ann,x\n")
    assert (row.code, row.body) == ("EXTRA_COLUMN", "1,Ann,x")


def test_a_column_without_a_name_is_named_by_its_position() -> None:
    assert header_of(b"id,,,name\n").extra == ("column 2", "column 3")


def test_a_file_is_read_in_the_dialect_of_its_contract() -> None:
    dialect = FileFormat(delimiter=";", encoding="windows-1252", header_case="ignore", null_words=("NULL",))
    content = "sep=;\r\nName;ID\r\nZoé, the first;1\r\nNULL;2\r\n".encode("windows-1252")
    assert values_of(content, dialect) == [("1", "Zoé, the first"), ("2", None)]
    assert values_of("id,name\n1,Zoé\n".encode("utf-16"), FileFormat(encoding="utf-16")) == [("1", "Zoé")]
    assert "utf-8 byte order mark, but its contract says windows-1252" in str(refusal(b"\xef\xbb\xbfid;name", dialect))
    assert "the file has commas between its columns, but its contract says `;`" in str(refusal(b"id,name\n", dialect))


@pytest.mark.parametrize(
    ("dialect", "content", "values"),
    [
        ({"quote": "'"}, "id,name\n1,'Ann, ''A'''\n2,\"Bob\"\n", [("1", "Ann, 'A'"), ("2", '"Bob"')]),
        ({"quote": ""}, 'id,name\n1,"Ann\n2,5" pipe\n', [("1", '"Ann'), ("2", '5" pipe')]),
        ({"escape": "\\"}, 'id,name\n1,Ann\\, A\n2,"Bob \\"B\\" ""C"""\n', [("1", "Ann, A"), ("2", 'Bob "B" "C"')]),
        ({"escape": "\\", "quote": ""}, "id,name\n1,a\\\\b\\,c\n", [("1", "a\\b,c")]),
        ({"header": False}, "1,Ann\n2,Bob\n", [("1", "Ann"), ("2", "Bob")]),
        ({"header": False}, "", []),
        ({"comment": "#"}, "# made\nid,name\n# one\n1,#Ann\n#2,Bob", [("1", "#Ann")]),
        ({"comment": "#"}, 'id,name\n1,"Ann\n# no comment"\n', [("1", "Ann\n# no comment")]),
        ({"skip_lines": 2}, 'Report\n"of May\nid,name\n1,Ann\n', [("1", "Ann")]),
        ({"skip_lines": 1, "comment": "--"}, "sep=;\n-- x\nid,name\n1,Ann\n", [("1", "Ann")]),
        ({"columns": {"id": ("Record", "Id")}}, "name,Record.Id\nAnn,1\n", [("1", "Ann")]),
    ],
)
def test_further_dialects_of_csv_are_read_by_contract(
    dialect: dict[str, Any], content: str, values: list[tuple[str, str]]
) -> None:
    for size in (1, 1000):
        assert values_of(content, FileFormat(**dialect), size) == values


def test_a_file_without_a_header_that_has_one_or_another_delimiter_is_refused() -> None:
    headless = FileFormat(header=False)
    assert "begins with a header, but its contract says that it has none" in str(refusal(b"ID,name\n1,Ann\n", headless))
    assert "the file has `;` between its columns" in str(refusal(b"1;Ann\n", headless))
    good, bad = rows_of("1,Ann\n2\n", headless)
    assert (good.number, bad.number, bad.code) == (1, 2, "MISSING_COLUMN")
    assert "row 2 has 1 values where the contract has 2" in str(bad.reason)


def test_a_missing_column_has_the_name_that_the_file_should_have() -> None:
    renamed = FileFormat(columns={"id": ("Record", "Id"), "name": ("LastName",)})
    assert "column `LastName` is missing; the file has `id`, `name (as sent)`" in str(
        refusal(b"Record.Id,name\n", renamed)
    )
    assert header_of(b"Record.Id,name,LastName\n", renamed).extra == ("name (as sent)",)
    assert "the file has `;` between its columns" in str(refusal(b"Record.Id;LastName\n", renamed))
    assert "column `Record.Id` is in another case" in str(refusal(b"record.id,LastName\n", renamed))


def test_lines_are_counted_with_those_that_are_skipped() -> None:
    *_, bad = rows_of('title\n# x\nid,name\n# y\n1,Ann\n2,"Bob\n', FileFormat(skip_lines=1, comment="#"))
    assert "row 2, line 6, has a quote that is not closed" in str(bad.reason)


@pytest.mark.parametrize(
    "key", ["crm_contacts/", "crm_contacts/2026/", "crm_contacts_$folder$", "/", "crm_contacts/_SUCCESS"]
)
def test_an_object_that_represents_a_folder_is_recognised(key: str) -> None:
    assert is_folder_mark(key)


@given(
    st.lists(st.tuples(TEXTS, TEXTS), max_size=6),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
    st.integers(1, 9),
)
def test_files_of_a_csv_library_are_read_unchanged(
    written: list[tuple[str, str]],
    delimiter: str,
    end: str,
    quote_all: bool,
    size: int,
) -> None:
    buffer = StringIO(newline="")
    # Python's writer quotes its own line ends, but no others.
    dialect = {"lineterminator": end, "quoting": csv.QUOTE_ALL} if quote_all else {"lineterminator": "\r\n"}
    writer = csv.writer(buffer, delimiter=delimiter, **dialect)
    writer.writerows([COLUMNS, *written])
    found = rows_of(buffer.getvalue().encode(), FileFormat(delimiter=delimiter), size)

    assert [row.values for row in found] == [(a or None, b or None) for a, b in written]


@given(st.binary(max_size=300), st.integers(1, 9))
def test_no_bytes_cause_a_traceback(content: bytes, size: int) -> None:
    with suppress(RefusedFileError):
        assert all(row.code or len(row.values) == len(COLUMNS) for row in rows_of(b"id,name\n" + content, size=size))


@given(st.text(alphabet=st.characters(exclude_characters="\0", codec="utf-8")), st.integers(1, 7))
def test_every_utf_8_text_passes_in_chunks_of_any_size(text: str, size: int) -> None:
    content = f"id,name\n{text}".encode()
    assert inspect(in_pieces(content, size), TABLE, PLAIN) == ()


@given(st.text(alphabet="aé\n€", max_size=30), st.integers(1, 7))
def test_the_first_wrong_byte_is_found_in_chunks_of_any_size(text: str, size: int) -> None:
    good = f"id,name\n{text}".encode()
    with pytest.raises(RefusedFileError, match=f"offset {len(good)}, line {good.count(bytes([10])) + 1};"):
        inspect(in_pieces(good + b"\xff\n", size), TABLE, PLAIN)
