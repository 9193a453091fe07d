"""What a landed object unpacks to: gzip, bzip2, zip, and what is refused."""

import bz2
import gzip
import struct
import zipfile
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glue_jobs.ingest_files import packing
from glue_jobs.ingest_files.packing import text_members
from glue_jobs.ingest_files.refusal import RefusedFileError

TEXT = b"id,name\n1,Ann\n"


def in_pieces(content: bytes, size: int = 7) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


def unpacked(content: bytes, size: int = 7) -> dict[str | None, bytes]:
    return {member.name: b"".join(member.pieces) for member in text_members(in_pieces(content, size), "csv")}


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def refusal(content: bytes) -> RefusedFileError:
    with pytest.raises(RefusedFileError) as raised:
        unpacked(content, size=1 << 16)
    return raised.value


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_yields_its_files_by_name(method: int, size: int) -> None:
    content = zipped({"b/2.csv": TEXT, "1.csv": b"", "b/": b"", "__MACOSX/1.csv": b"?", "b/.DS_Store": b"?"}, method)
    assert unpacked(content, size) == {"b/2.csv": TEXT, "1.csv": b""}


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, bytes])
@pytest.mark.parametrize("text", [b"", TEXT])
def test_an_object_that_is_no_archive_has_no_name(pack: Any, text: bytes) -> None:
    assert unpacked(pack(text)) == {None: text}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x28\xb5\x2f\xfd" + b"x" * 20, "is compressed by zstd; send csv text, plain, in gzip, in bzip2 or in a zip"),
        (b"\xfd7zXZ\x00" + b"x" * 20, "is compressed by xz"),
        (b"\x04\x22\x4d\x18" + b"x" * 20, "is compressed by lz4"),
        (b"Obj\x01" + b"x" * 20, "is Avro"),
        (b"ORC\x08\x03" + b"x" * 20, "is ORC"),
        (b"PAR1\x15\x04" + b"x" * 20, "is Parquet, but its contract says csv; send csv, or correct `fileFormat.type`"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 20, "is a spreadsheet (xls)"),
        (b"%PDF-1.7\n" + b"x" * 20, "is a PDF document"),
        (zipped({"[Content_Types].xml": b"", "xl/workbook.xml": b""}), "is a spreadsheet or another office document"),
        (gzip.compress(gzip.compress(TEXT)), "is gzip within gzip"),
        (gzip.compress(zipped({"1.csv": TEXT})), "is a zip archive within gzip"),
        (gzip.compress(b"PAR1\x15\x04"), "is Parquet within gzip"),
        (zipped({"1.csv.gz": gzip.compress(TEXT)}), "is gzip within a zip archive"),
        (zipped({"1.zip": zipped({"1.csv": TEXT})}), "is a zip archive within a zip archive"),
        (zipped({}), "is a zip archive without files"),
        (zipped({"a/": b"", ".hidden": b""}), "is a zip archive without files"),
        (zipped({"1.csv": TEXT})[:-30], "is a truncated zip archive"),
        (zipped({"1.csv": TEXT})[:20], "is a truncated zip archive"),
        (gzip.compress(TEXT)[:-1], "is truncated: its gzip has no end"),
        (gzip.compress(TEXT)[:-5] + b"12345", "is damaged gzip"),
        (bz2.compress(TEXT)[:-1], "is truncated: its bzip2 has no end"),
    ],
)  # fmt: skip
def test_what_is_no_text_is_refused_by_what_it_is(content: bytes, words: str) -> None:
    error = refusal(content)
    assert (error.code, words in str(error)) == ("WRONG_ENCODING", True), error


def test_a_text_may_begin_like_a_format() -> None:
    for text in (b"ORCID,name\n", b"BZh,name\n", b"Object,name\n", b"PK,name\n", b"7z,name\n", b"id"):
        assert unpacked(text) == {None: text}


def test_damage_within_an_archive_is_found() -> None:
    content = bytearray(zipped({"1.csv": TEXT * 100}, zipfile.ZIP_STORED))
    content[60] ^= 0xFF
    assert "is damaged in its zip archive (BadZipFile" in str(refusal(bytes(content)))


def test_an_archive_with_a_password_is_refused() -> None:
    content = bytearray(zipped({"1.csv": TEXT}))
    directory = content.index(b"PK\x01\x02")
    content[6] |= 1
    content[directory + 8] |= 1
    assert "a zip archive with a password (`1.csv`)" in str(refusal(bytes(content)))


def test_two_files_of_one_name_are_refused() -> None:
    content = zipped({"1.csv": TEXT, "2.csv": TEXT}).replace(b"2.csv", b"1.csv")
    assert "two files `1.csv`" in str(refusal(content))


def test_a_small_archive_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MAX_TEXT_BYTES", 10_000_000)
    bomb = zipped({f"{number}.csv": b"0" * 1_000_000 for number in range(11)})
    assert len(bomb) < 100_000
    error = refusal(bomb)
    assert (error.code, "more than 10,000,000 bytes of text" in str(error)) == ("OVERSIZE", True)


def test_an_archive_with_too_many_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MAX_MEMBERS", 10)
    error = refusal(zipped({f"{number}.csv": b"" for number in range(11)}))
    assert (error.code, "more than 10 files" in str(error)) == ("OVERSIZE", True)


def test_a_table_of_contents_that_would_fill_the_memory_is_not_read() -> None:
    content = bytearray(zipped({"1.csv": TEXT}))
    struct.pack_into("<L", content, len(content) - 10, 1 << 30)
    assert refusal(bytes(content)).code == "OVERSIZE"


def test_pieces_are_small_at_any_ratio() -> None:
    content = zipped({"1.csv": b"0" * 5_000_000})
    sizes = [len(piece) for member in text_members([content], "csv") for piece in member.pieces]
    assert (sum(sizes), max(sizes)) == (5_000_000, packing.MOST)


@given(st.binary(max_size=60), st.integers(0, 200), st.sampled_from([gzip.compress, bz2.compress, bytes]))
def test_damage_anywhere_is_refused_or_makes_no_difference(noise: bytes, at: int, pack: Any) -> None:
    for content in (zipped({"1.csv": TEXT, "2.csv": TEXT * 9}), pack(TEXT)):
        damaged = content[:at] + noise + content[at + len(noise) :]
        with suppress(RefusedFileError):
            unpacked(damaged)
