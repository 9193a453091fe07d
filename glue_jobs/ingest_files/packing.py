"""Unpacks a landed object: its first bytes, not its name, say whether it is compressed, and whether it is text at all.

An object is read to its end at any compression ratio with little memory: what it unpacks to is limited, and comes in
pieces of at most 1 MiB.
"""

import bz2
import lzma
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

from glue_jobs.ingest_files.refusal import RefusedFileError

MAX_TEXT_BYTES: Final = 1024**3  # uncompressed; one task reads a file at a few MB per second, and a job has an hour
MAX_MEMBERS: Final = 1000  # files in a zip archive
MAX_DIRECTORY_BYTES: Final = 1 << 20  # of a zip archive; its table of contents is read as a whole
MOST: Final = 1 << 20  # bytes of a piece
SIGNATURE_BYTES: Final = 10

GZIP: Final = re.compile(rb"\x1f\x8b")
BZIP2: Final = re.compile(rb"BZh[1-9]1AY&|BZh[1-9]\x17rE8")
ZIP: Final = re.compile(rb"PK(\x03\x04|\x05\x06)")
PARQUET: Final = re.compile(rb"PAR[1E]")
# What is refused by its first bytes, and its name.
UNREADABLE: Final = {
    re.compile(rb"\x28\xb5\x2f\xfd"): "compressed by zstd",
    re.compile(rb"\xfd7zXZ"): "compressed by xz",
    re.compile(rb"\x04\x22\x4d\x18"): "compressed by lz4",
    re.compile(rb"\xff\x06\x00\x00sNaPpY"): "compressed by snappy",
    re.compile(rb"\x1f[\x9d\xa0]"): "compressed by compress",
    re.compile(rb"7z\xbc\xaf"): "a 7z archive",
    re.compile(rb"Rar!\x1a"): "a RAR archive",
    re.compile(rb"\xd0\xcf\x11\xe0"): "a spreadsheet (xls) or another document of old Office",
    re.compile(rb"%PDF-"): "a PDF document",
    re.compile(rb"Obj\x01"): "Avro",
    re.compile(rb"ORC[\x00-\x08\x0e-\x1f\x80-\xff]"): "ORC",
}
COMPRESSED: Final = {GZIP: "gzip", BZIP2: "bzip2", ZIP: "a zip archive", PARQUET: "Parquet"}
TEXT_IN: Final = "plain, in gzip, in bzip2 or in a zip archive"
_END: Final = struct.Struct("<4s4H2LH")  # the end of a zip archive's table of contents
_END_MARK, _LARGE_MARK, _LARGE_BYTES, _MOST_COMMENT = b"PK\x05\x06", b"PK\x06\x07", 20, 1 << 16
# What Python's library raises for damaged archives; it was not made for hostile ones.
_ZIP_ERRORS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    LookupError,
    OverflowError,
)
_OFFICE: Final = frozenset({"[Content_Types].xml", "mimetype"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file within a landed object.

    Attributes:
        name: its name within a zip archive; None for the object itself.
        pieces: its bytes, uncompressed; to be read before the next member.
    """

    name: str | None
    pieces: Iterator[bytes]


def text_members(chunks: Iterable[bytes], kind: str) -> Iterator[Member]:
    """Yield the texts of a landed object: itself, uncompressed, or every file of a zip archive.

    Args:
        chunks: the bytes of the object, in pieces of any size.
        kind: the type of file that the contract expects, for reasons.

    Raises:
        RefusedFileError: WRONG_ENCODING if it is damaged or no text, OVERSIZE if it unpacks to too much.
    """
    whole = iter(chunks)
    start, whole = _peeked(whole)
    limit = _Limit()
    if ZIP.match(start):
        yield from _of_archive(whole, kind, limit)
        return
    if GZIP.match(start) or BZIP2.match(start):
        name = "gzip" if GZIP.match(start) else "bzip2"
        yield Member(name=None, pieces=_text(limit.counted(_decompressed(whole, name)), kind, within=name))
        return
    yield Member(name=None, pieces=_text(limit.counted(whole), kind))


def parquet_member(chunks: Iterable[bytes]) -> Iterator[Member]:
    """Yield a landed object that is a Parquet file, which is compressed within itself.

    Raises:
        RefusedFileError: WRONG_ENCODING if it is something else, OVERSIZE if it is too long.
    """
    start, whole = _peeked(iter(chunks))
    if PARQUET.match(start):
        yield Member(name=None, pieces=_Limit().counted(whole))
        return
    found = next((name for mark, name in (UNREADABLE | COMPRESSED).items() if mark.match(start)), "no Parquet")
    raise _no_text(f"is {found}, but its contract says parquet; send it as Parquet, or correct `fileFormat.type`")


class _Limit:
    """Counts the bytes that an object unpacks to."""

    def __init__(self) -> None:
        self._bytes = 0

    def counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._bytes += len(piece)
            if self._bytes > MAX_TEXT_BYTES:
                raise RefusedFileError(
                    "OVERSIZE", f"the file has more than {MAX_TEXT_BYTES:,} bytes of text; split it into several files"
                )
            yield piece


def _peeked(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes, and all bytes."""
    start = b""
    for piece in pieces:
        start += piece
        if len(start) >= SIGNATURE_BYTES:
            break
    return start, _chained(start, pieces)


def _chained(start: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if start:
        yield start
    yield from pieces


def _text(pieces: Iterator[bytes], kind: str, *, within: str = "") -> Iterator[bytes]:
    """Yield the bytes of a text; refuse what begins like something else, packed or not."""
    start, whole = _peeked(pieces)
    found = next((name for mark, name in (UNREADABLE | COMPRESSED).items() if mark.match(start)), None)
    if found is None:
        yield from whole
    elif found == COMPRESSED[PARQUET] and not within:
        raise _no_text(f"is Parquet, but its contract says {kind}; send {kind}, or correct `fileFormat.type`")
    else:
        raise _no_text(f"is {found}{f' within {within}' if within else ''}; send {kind} text, {TEXT_IN}")


def _no_text(reason: str) -> RefusedFileError:
    return RefusedFileError("WRONG_ENCODING", f"the file {reason}")


# ---- gzip and bzip2


def _decompressed(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Yield the content of all compressed streams in turn."""
    stream: Any = None
    try:
        for chunk in chunks:
            waiting = chunk
            while waiting:
                if stream is None:
                    stream = zlib.decompressobj(wbits=31) if name == "gzip" else bz2.BZ2Decompressor()
                yield from _inflated(stream, waiting)
                waiting = stream.unused_data if stream.eof else b""
                stream = None if stream.eof else stream
    except (zlib.error, OSError) as error:
        raise _no_text(f"is damaged {name} ({error}); send it again") from error
    if stream is not None:
        raise _no_text(f"is truncated: its {name} has no end; send it again")


def _inflated(stream: Any, waiting: bytes) -> Iterator[bytes]:
    yield stream.decompress(waiting, MOST)
    if isinstance(stream, bz2.BZ2Decompressor):
        while not stream.eof and not stream.needs_input:
            yield stream.decompress(b"", MOST)
        return
    while stream.unconsumed_tail:
        yield stream.decompress(stream.unconsumed_tail, MOST)


# ---- zip


def _of_archive(chunks: Iterable[bytes], kind: str, limit: _Limit) -> Iterator[Member]:
    """Yield the files of a zip archive, in its own order; its table of contents is at its end."""
    with tempfile.TemporaryFile() as file:
        for chunk in _Limit().counted(chunks):
            file.write(chunk)
        _check_directory(file)
        try:
            archive = zipfile.ZipFile(file)
        except _ZIP_ERRORS as error:
            raise _no_text(f"is a damaged zip archive ({type(error).__name__}); send it again") from error
        with archive:
            for info in _files(archive):
                pieces = limit.counted(_member(archive, info))
                yield Member(name=info.filename, pieces=_text(pieces, kind, within="a zip archive"))


def _check_directory(file: IO[bytes]) -> None:
    """Raise RefusedFileError if there is no table of contents, or one that would fill the memory."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END.size - _MOST_COMMENT))
    tail = file.read()
    at = len(tail) - _END.size
    if not (tail[max(at, 0) :].startswith(_END_MARK) and tail.endswith(b"\0\0")):
        at = tail.rfind(_END_MARK)
    end = tail[max(at, 0) : max(at, 0) + _END.size]
    if at < 0 or len(end) < _END.size:
        raise _no_text("is a truncated zip archive: it has no table of contents; send it again")
    if tail[max(0, at - _LARGE_BYTES) : at].startswith(_LARGE_MARK) or _END.unpack(end)[5] > MAX_DIRECTORY_BYTES:
        raise RefusedFileError(
            "OVERSIZE", f"the zip archive is made for more than {MAX_MEMBERS:,} files or 4 GiB; split it"
        )


def _files(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return what is in an archive, without folders and without what macOS and others add for themselves."""
    listed = archive.infolist()
    if listed and listed[0].filename in _OFFICE:
        raise _no_text(f"is a spreadsheet or another office document; send text, {TEXT_IN}")
    if not all(info.filename for info in listed):
        raise _no_text("is a zip archive with a file that has no name; send it again")
    found = [info for info in listed if not info.is_dir() and not _is_hidden(info.filename)]
    names = [info.filename for info in found]
    if not found:
        raise _no_text("is a zip archive without files; send it again")
    if len(found) > MAX_MEMBERS:
        raise RefusedFileError("OVERSIZE", f"the zip archive has more than {MAX_MEMBERS:,} files; split it")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise _no_text(f"is a zip archive with two files `{twice}`; give each a name of its own")
    if locked := next((info.filename for info in found if info.flag_bits & 0x1), None):
        raise _no_text(f"is a zip archive with a password (`{locked}`); send it without")
    return found


def _is_hidden(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith(".")


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with archive.open(info) as content:
            while piece := content.read(MOST):
                yield piece
    except NotImplementedError as error:  # a way of compression that is hardly ever used
        raise _no_text(f"cannot be unpacked ({error}); compress it by deflate, as is usual") from error
    except _ZIP_ERRORS as error:
        raise _no_text(f"is damaged in its zip archive ({type(error).__name__}); send it again") from error
