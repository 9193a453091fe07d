"""Files of lines, read piece by piece."""

from collections.abc import Iterable, Iterator


def unbroken(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file that is read piece by piece, without empty ones."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line for line in whole if line.strip())
    if rest.strip():
        yield rest
