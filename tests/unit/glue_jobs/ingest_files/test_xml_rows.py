"""Landed XML files."""

import gzip
import json
import tracemalloc
from contextlib import suppress
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.contracts import FileFormat
from glue_jobs.ingest_files.landed_file import inspect, rows
from glue_jobs.ingest_files.refusal import RefusedFileError
from glue_jobs.ingest_files.row import Row
from tests.factories.file_tables import file_table

COLUMNS = {"id": "string", "age": "integer", "member": "boolean"}
TABLE = file_table(COLUMNS, key="id")
PLAIN = FileFormat(type="xml", row_element="person")
ANN = "<person><id>C1</id><age>41</age><member>true</member></person>"
BOB = "<person><id>C2</id><age/><member></member></person>"
READ = [("C1", "41", "true"), ("C2", None, None)]
NAMESPACES = 'xmlns:c="urn:c" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def document(*people: str) -> str:
    return f"<people>{''.join(people)}</people>"


def rows_of(content: str | bytes, file_format: FileFormat = PLAIN, size: int = 7) -> list[Row]:
    data = content if isinstance(content, bytes) else content.encode()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    inspect(pieces, TABLE, file_format)
    return list(rows(pieces, TABLE, file_format))


def values_of(content: str | bytes, file_format: FileFormat = PLAIN, size: int = 7) -> list[tuple[str | None, ...]]:
    found = rows_of(content, file_format, size)
    assert [row.reason for row in found if row.code] == []
    return [row.values for row in found]


def refusal(content: str | bytes, file_format: FileFormat = PLAIN) -> RefusedFileError:
    with pytest.raises(RefusedFileError) as raised:
        rows_of(content, file_format, 1 << 16)
    return raised.value


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    "content",
    [
        document(ANN, BOB),
        f'<?xml version="1.0" encoding="UTF-8"?>\n<people>\n  {ANN}\n  {BOB}\n</people>\n',
        "\ufeff" + document(ANN, BOB),
        document('<person id="C1" age="41" member="true"/>', '<person id="C2" age="" member=""/>'),
        document('<person id="C1"><member>true</member><!-- ! --><age>4<!-- ? -->1</age></person>', BOB),
        document(ANN.replace("C1", "<![CDATA[C1]]>").replace("41", "&#52;1"), BOB),
        f"<c:people {NAMESPACES}><c:deep>{ANN.replace('person', 'c:person')}</c:deep>"
        f'<person><c:id>C2</c:id><age xsi:nil="true"/><member xsi:nil="1">x</member></person></c:people>',
        gzip.compress(document(ANN, BOB).encode(), mtime=0),
    ],
    ids=["plain", "pretty", "mark", "attributes", "comments", "escapes", "namespaces", "gzip"],
)
def test_the_same_rows_are_read_from_any_way_of_writing_them(content: str | bytes, size: int) -> None:
    assert values_of(content, size=size) == READ


def test_the_body_is_the_row_as_an_object() -> None:
    row, _ = rows_of(document(ANN, BOB))
    assert json.loads(row.body) == {"id": "C1", "age": "41", "member": "true"}


def test_columns_within_elements_and_attributes_of_texts_are_found_by_path() -> None:
    file_format = FileFormat(
        type="xml", row_element="person", columns={"id": ("key@no",), "age": ("born", "age"), "member": ("club", "in")}
    )
    person = (
        '<person><key no="C1">x</key><born><age>41</age><year>1985</year></born><club in="true"><x/></club></person>'
    )
    assert values_of(document(person), file_format) == READ[:1]
    assert inspect([document(person).encode()], TABLE, file_format) == ("key", "born.year", "club.x")


@pytest.mark.parametrize(
    ("person", "code", "words"),
    [
        ("<person><id>C3</id><age>1</age></person>", "MISSING_COLUMN", "has no column `member`"),
        (ANN.replace("<age>", "<age>3</age><age>"), "WRONG_TYPE", "has a list in column `age`; send one value"),
        (ANN.replace("<person>", '<person age="3">'), "WRONG_TYPE", "has a list in column `age`"),
        (ANN.replace("41", "<years>41</years>"), "WRONG_TYPE", "has an object in column `age`"),
        (ANN.replace("41", "<x>" * 40 + "</x>" * 40), "WRONG_TYPE", "has more than 32 levels of elements"),
    ],
)
def test_a_bad_element_costs_one_row_and_says_which(person: str, code: str, words: str) -> None:
    first, bad, last = rows_of(document(ANN, "\n" + person, BOB))
    assert [first.values, last.values] == READ
    assert (bad.code, str(bad.reason).startswith("row 2, line 2, "), words in str(bad.reason)) == (code, True, True)


BOMB = '<!DOCTYPE people [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
FILE = '<!DOCTYPE people [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
OUTSIDE = '<!DOCTYPE people SYSTEM "http://example.com/people.dtd">'


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (BOMB + document(ANN.replace("C1", "&b;")), "WRONG_ENCODING", "document type declaration (DOCTYPE)"),
        (FILE + document(ANN.replace("C1", "&a;")), "WRONG_ENCODING", "document type declaration (DOCTYPE)"),
        (OUTSIDE + document(ANN), "WRONG_ENCODING", "document type declaration (DOCTYPE)"),
        (document(ANN.replace("C1", "&nbsp;")), "WRONG_ENCODING", "no well-formed XML: undefined entity, line 1"),
        (document(ANN)[:-3], "WRONG_ENCODING", "no well-formed XML"),
        (document(ANN, "\n<person>"), "WRONG_ENCODING", "no well-formed XML: mismatched tag, line 2"),
        (document(ANN) + "<more/>", "WRONG_ENCODING", "junk after document element"),
        (document('<person id="1" id="2"/>'), "WRONG_ENCODING", "duplicate attribute"),
        ("", "WRONG_ENCODING", "no element found"),
        ("id,age\n", "WRONG_ENCODING", "no well-formed XML"),
        ('{"id": 1}', "WRONG_ENCODING", "no well-formed XML"),
        (document(ANN).encode("utf-16"), "WRONG_ENCODING", "byte 0xFF at offset 0"),
        ('<?xml version="1.0" encoding="iso-8859-1"?>' + document(ANN), "WRONG_ENCODING",
         "says that it is iso-8859-1, but its contract says utf-8"),
        ('<?xml version="1.0" encoding="klingon"?>' + document(ANN), "WRONG_ENCODING", "says that it is klingon"),
        ("<people><human/><animal/></people>", "MISSING_COLUMN", "no element `person`, but `human`, `animal`"),
        (document("<person><id>C1</id></person>"), "MISSING_COLUMN", "column `age`, `member` is missing: no row"),
        (document(ANN, f"<person><id>{'x' * 1_100_000}</id></person>"), "OVERSIZE", "begins in line 1 has more than"),
        (document(ANN) + " " + "<!--" + "x" * 6_000_000, "OVERSIZE", "has more than 1,048,576 characters"),
        (document(f'<person id="{"x" * 6_000_000}"/>'), "OVERSIZE", "has more than 1,048,576 characters"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused_with_the_place(content: str | bytes, code: str, words: str) -> None:
    error = refusal(content)
    assert (error.code, words in str(error)) == (code, True), error


def test_a_document_without_rows_is_an_empty_export() -> None:
    assert rows_of("<people/>") == rows_of("<people>\n</people>") == []


def test_the_encoding_is_the_contracts() -> None:
    file_format = FileFormat(type="xml", row_element="person", encoding="iso-8859-1")
    text = '<?xml version="1.0" encoding="latin-1"?>' + document(ANN.replace("C1", "Zoé"))
    assert values_of(text.encode("iso-8859-1"), file_format) == [("Zoé", "41", "true")]
    text = '<?xml version="1.0" encoding="UTF-16"?>' + document(ANN)
    assert values_of(text.encode("utf-16"), FileFormat(type="xml", row_element="person", encoding="utf-16")) == READ[:1]


def test_memory_does_not_grow_with_the_file() -> None:
    piece = (ANN * 1000).encode()

    def pieces(count: int) -> list[bytes]:
        return [b"<people>", *[piece] * count, b"</people>"]

    def most(count: int) -> int:
        tracemalloc.start()
        assert sum(1 for _ in rows(pieces(count), TABLE, PLAIN)) == count * 1000
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    assert most(8) < most(2) * 1.5


@given(
    st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), max_size=20), max_size=4), st.integers(1, 9)
)
def test_every_text_is_read_as_it_was_written(ids: list[str], size: int) -> None:
    people = [f"<person><id>{escape(text)}</id><age/><member/></person>" for text in ids]
    assert values_of(document(*people), size=size) == [(text if text.strip() else None, None, None) for text in ids]


@given(st.binary(max_size=40), st.integers(0, 130))
def test_no_bytes_cause_a_traceback(noise: bytes, at: int) -> None:
    content = document(ANN, BOB).encode()
    with suppress(RefusedFileError):
        found = rows_of(content[:at] + noise + content[at:])
        assert all(bool(row.code) == bool(row.reason) for row in found)
