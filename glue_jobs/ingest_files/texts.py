"""The text of a landed file: decoded, in lines."""

import codecs
from collections.abc import Callable, Iterable, Iterator
from io import StringIO
from typing import Final

from glue_jobs.ingest_files.refusal import RefusedFileError

BYTE_ORDER_MARK: Final = "\ufeff"
UTF_8_MARK: Final = codecs.BOM_UTF8
MAX_RECORD_CHARACTERS: Final = 1_048_576


# ---- bytes to text


def checked_text(pieces: Iterable[bytes], encoding: str) -> Iterator[str]:
    """Yield the text of a file, without a byte order mark.

    Raises:
        RefusedFileError: WRONG_ENCODING at the first byte that cannot be decoded.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, lines, first = 0, 1, True
    for piece in pieces:
        if first and piece.startswith(UTF_8_MARK) and encoding != "utf-8":
            raise RefusedFileError(
                "WRONG_ENCODING",
                f"the file begins with a utf-8 byte order mark, but its contract says {encoding}; "
                f"export it as {encoding}, or change `fileFormat.encoding`",
            )
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(piece)
        except UnicodeDecodeError as error:
            bad = error.object[error.start]
            line = lines + error.object[: error.start].count(b"\n")
            place = f"byte 0x{bad:02X} at offset {offset - pending + error.start}, line {line}"
            raise _wrong_encoding(encoding, place) from error
        if "\0" in text:
            raise _wrong_encoding(encoding, f"a zero byte after line {lines}, as in UTF-16")
        offset += len(piece)
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
