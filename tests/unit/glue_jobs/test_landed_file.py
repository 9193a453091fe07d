"""What is said of a landed file before Spark reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.contracts import load
from glue_jobs.ingest_files.landed_file import Header, RefusedFileError, file_source, folder_of, inspect

COLUMNS = ("id", "name")


def in_pieces(content: bytes, size: int = 3) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


def refusal(content: bytes) -> RefusedFileError:
    with pytest.raises(RefusedFileError) as raised:
        inspect(in_pieces(content), COLUMNS)
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
def test_a_file_of_no_file_source_is_refused_with_its_path_and_the_folders_that_there_are(
    key: str, folder: str
) -> None:
    with pytest.raises(RefusedFileError) as raised:
        file_source(key, load())

    assert raised.value.code == "UNKNOWN_SOURCE"
    assert f"`{key}`" in str(raised.value)
    assert "crm_contacts/, demographics/, loyalty_members/, support_cases/" in str(raised.value)
    assert folder_of(key) == folder


def test_a_file_with_the_columns_in_another_order_is_read_in_its_own_order() -> None:
    assert inspect([b"name,id\nAnn,1\n"], COLUMNS) == Header(columns=("name", "id"), extra=())


def test_a_byte_order_mark_is_no_part_of_the_first_column() -> None:
    assert inspect([b"\xef\xbb\xbfid,name\n"], COLUMNS).columns == COLUMNS


def test_quotes_and_blanks_around_names_are_no_part_of_them() -> None:
    assert inspect([b'"id", name\r\n'], COLUMNS).columns == COLUMNS


def test_an_extra_column_is_named() -> None:
    assert inspect([b"id,vip,name\n"], COLUMNS).extra == ("vip",)


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"id\n1\n", "MISSING_COLUMN", "column `name` is missing; the file has `id`"),
        (b"", "MISSING_COLUMN", "column `id`, `name` is missing; the file has no header row"),
        (b"id;name\n1;Ann\n", "MISSING_COLUMN", "the file has `id;name`"),
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


@given(st.text(alphabet=st.characters(exclude_characters="\0", codec="utf-8")), st.integers(1, 7))
def test_every_text_in_utf_8_passes_however_it_is_cut(text: str, size: int) -> None:
    content = f"id,name\n{text}".encode()
    assert inspect(in_pieces(content, size), COLUMNS).columns == COLUMNS


@given(st.text(alphabet="aé\n€", max_size=30), st.integers(1, 7))
def test_the_first_wrong_byte_is_found_however_the_file_is_cut(text: str, size: int) -> None:
    good = f"id,name\n{text}".encode()
    with pytest.raises(RefusedFileError, match=f"offset {len(good)}, line {good.count(bytes([10])) + 1};"):
        inspect(in_pieces(good + b"\xff\n", size), COLUMNS)
