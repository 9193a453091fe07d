"""Texts in one array of bytes: what `c360.TextOf` reads must be where the offsets say."""

import struct

import pytest

from flink_apps.clean.packed import OFFSET_BYTES, packed


def text_of(array: bytes, place: int) -> str | None:
    """Read a text as `c360.TextOf` does."""
    before, end = struct.unpack_from(">2i", array, OFFSET_BYTES * place)
    if end < 0:
        return None
    return array[~before if before < 0 else before : end].decode()


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [None],
        [""],
        ["a"],
        [None, "first", None, None, "", "Zoë 🛒", None],
        ["Zoë", None, "after more than ASCII", "\x00\x1f"],
    ],
)
def test_each_text_is_read_as_it_was(texts: list[str | None]) -> None:
    array = packed(texts)

    assert [text_of(array, place) for place in range(len(texts))] == texts


def test_half_a_character_becomes_a_question_mark() -> None:
    assert text_of(packed(["a\ud800b"]), 0) == "a?b"
