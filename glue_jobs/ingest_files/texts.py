"""The text of a landed file: uncompressed, decoded, in lines. Its first bytes say whether it is compressed."""

import bz2
import codecs
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from io import StringIO
from typing import Any, Final

from glue_jobs.ingest_files.refusal import RefusedFileError

BYTE_ORDER_MARK: Final = "\ufeff"
UTF_8_MARK: Final = codecs.BOM_UTF8
MAX_RECORD_CHARACTERS: Final = 1_048_576
MAX_TEXT_BYTES: Final = 1024**3  # uncompressed; one task reads a file at a few MB per second, and a job has an hour
ARCHIVES: Final = {
    b"PK\x03\x04": "a ZIP archive or a spreadsheet",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    b"\xfd7zXZ": "compressed by xz",
    b"PAR1": "Parquet",
}


# ---- bytes to text


def checked_text(chunks: Iterable[bytes], encoding: str) -> Iterator[str]:
    """Yield the text of a file, uncompressed, without a byte order mark.

    Raises:
        RefusedFileError: WRONG_ENCODING at the first byte that cannot be decoded, OVERSIZE beyond MAX_TEXT_BYTES.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, lines, first = 0, 1, True
    for chunk in _uncompressed(chunks):
        if first and chunk.startswith(UTF_8_MARK) and encoding != "utf-8":
            raise RefusedFileError(
                "WRONG_ENCODING",
                f"the file begins with a utf-8 byte order mark, but its contract says {encoding}; "
                f"export it as {encoding}, or change `fileFormat.encoding`",
            )
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError as error:
            bad = error.object[error.start]
            line = lines + error.object[: error.start].count(b"\n")
            place = f"byte 0x{bad:02X} at offset {offset - pending + error.start}, line {line}"
            raise _wrong_encoding(encoding, place) from error
        if "\0" in text:
            raise _wrong_encoding(encoding, f"a zero byte after line {lines}, as in UTF-16")
        offset += len(chunk)
        lines += text.count("\n")
        if first and text:
            text = text.removeprefix(BYTE_ORDER_MARK)
            first = False
        yield text
    if decoder.getstate()[0]:
        raise _wrong_encoding(encoding, f"the file ends inside a character, line {lines}")


def _wrong_encoding(encoding: str, where: str) -> RefusedFileError:
    name = encoding.upper()
    return RefusedFileError("WRONG_ENCODING", f"the file is not {name}: {where}; export it again as {name}")


def _uncompressed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the uncompressed bytes of a file; its first bytes, not its name, show whether it is compressed."""
    pieces = iter(chunks)
    start = b""
    for piece in pieces:
        start += piece
        if len(start) >= 8:  # noqa: PLR2004  # the longest signature
            break
    for mark, name in ARCHIVES.items():
        if start.startswith(mark):
            raise RefusedFileError("WRONG_ENCODING", f"the file is {name}; send CSV text, plain or in gzip")
    whole = _chained(start, pieces)
    if start.startswith(b"\x1f\x8b"):
        whole = _decompressed(whole, "gzip")
    elif re.match(rb"BZh[1-9]1AY&", start):
        whole = _decompressed(whole, "bzip2")
    size = 0
    for chunk in whole:
        size += len(chunk)
        if size > MAX_TEXT_BYTES:
            raise RefusedFileError(
                "OVERSIZE", f"the file has more than {MAX_TEXT_BYTES:,} bytes of text; split it into several files"
            )
        yield chunk


def _chained(start: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if start:
        yield start
    yield from pieces


def _decompressed(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Yield the content of all compressed streams in turn, in pieces of at most 1 MiB at any compression ratio."""
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
        raise RefusedFileError("WRONG_ENCODING", f"the file is damaged {name} ({error}); send it again") from error
    if stream is not None:
        raise RefusedFileError("WRONG_ENCODING", f"the file is truncated: its {name} has no end; send it again")


def _inflated(stream: Any, waiting: bytes) -> Iterator[bytes]:
    most = 1 << 20
    yield stream.decompress(waiting, most)
    if isinstance(stream, bz2.BZ2Decompressor):
        while not stream.eof and not stream.needs_input:
            yield stream.decompress(b"", most)
        return
    while stream.unconsumed_tail:
        yield stream.decompress(stream.unconsumed_tail, most)


# ---- text to lines


def lines(texts: Iterable[str], too_long: Callable[[str], RefusedFileError]) -> Iterator[str]:
    r"""Yield the lines of a text with their line ends; \n, \r\n and \r may be mixed.

    Args:
        texts: the text, in pieces of any size.
        too_long: returns the refusal of a file with a line of more than MAX_RECORD_CHARACTERS; it gets which.
    """
    rest, number = "", 0
    for text in texts:
        rest += text
        whole = StringIO(rest, newline="").readlines()
        rest = "" if rest.endswith("\n") or not whole else whole.pop()  # \r may be the first half of an end
        number += len(whole)
        if len(rest) > MAX_RECORD_CHARACTERS:
            raise too_long(f"line {number + 1} of the file")
        yield from whole
    yield from StringIO(rest, newline="")
