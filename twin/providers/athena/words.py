"""A statement word by word: sqlglot's tokens, with the text that they were made of.

sqlglot's parser knows half of Athena's statements only, and writes a query in its own words. Its tokenizer knows what
is a comment, a text, a quoted name or a bracket; the statement's own text is kept, since Trino is to read that.
"""

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from sqlglot import TokenType
from sqlglot.dialects.trino import Trino
from sqlglot.errors import TokenError

_OPENING: Final = {"(": ")", "[": "]"}
_QUOTED: Final = {TokenType.IDENTIFIER, TokenType.STRING}


class WordsError(ValueError):
    """A statement that goes on otherwise than expected."""


class _Tokenizer(Trino.Tokenizer):
    IDENTIFIERS: ClassVar[list[str | tuple[str, str]]] = ['"', "`"]  # Athena's data definition quotes as Hive does
    COMMANDS: ClassVar[set[TokenType]] = set()  # sqlglot would take the rest of such a statement for one text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    """A word, a text, a quoted name or a sign, and where it stands: its first character and the one after its last."""

    text: str
    kind: TokenType
    start: int
    end: int


class Words:
    """Reads a statement from its beginning to its end."""

    def __init__(self, text: str, words: list[_Word]) -> None:
        self._text = text
        self._words = words
        self._at = 0

    @classmethod
    def of(cls, text: str) -> Self:
        """Take a statement apart, without comments around it (dbt writes one into each) and trailing semicolons.

        Raises:
            WordsError: it is empty, or a text or quoted name has no end.
        """
        try:
            tokens = _Tokenizer(dialect="trino").tokenize(text)
        except TokenError as error:
            raise WordsError(str(error)) from error
        words: list[_Word] = []
        for token in tokens:
            # A few keywords are two words in one token.
            parts = [token.text] if token.token_type in _QUOTED else token.text.split()
            places = {"start": token.start, "end": token.end + 1}
            words += [_Word(text=part, kind=token.token_type, **places) for part in parts]
        while words and words[-1].kind is TokenType.SEMICOLON:
            words.pop()
        if not words:
            raise WordsError("the statement is empty")
        return cls(text, words)

    def verb(self) -> str:
        """Return the first word in upper case, behind opening parentheses; nothing is read by that."""
        return next((word.text.upper() for word in self._words if word.text != "("), "")

    def take(self, *keywords: str) -> bool:
        """Read these keywords if they come next, all of them or none."""
        coming = self._words[self._at : self._at + len(keywords)]
        found = [word.text.upper() for word in coming if word.kind not in _QUOTED] == list(keywords)
        self._at += len(keywords) if found else 0
        return found

    def expect(self, *keywords: str) -> None:
        """Read these keywords; raises WordsError when others come."""
        if not self.take(*keywords):
            raise WordsError(f"{' '.join(keywords)} is missing")

    def name(self, *, parts: int = 3) -> tuple[str, ...]:
        """Read a name of one to so many parts, whatever its quotes; return the parts in lower case."""
        found = [self._name_part()]
        while self.take("."):
            found.append(self._name_part())
        if len(found) > parts:
            raise WordsError(f"{'.'.join(found)} has more than {parts} parts")
        return tuple(found)

    def string(self) -> str:
        """Read a text; return what is between its quotes."""
        word = self._next()
        if word.kind is not TokenType.STRING:
            raise WordsError(f"{word.text} is no text in single quotes")
        return word.text

    def properties(self) -> dict[str, str]:
        """Read `(key = value, ...)`; return the values by keys in lower case, each as it was written."""
        self.expect("(")
        found: dict[str, str] = {}
        while not self.take(")"):
            key = self._next().text.lower()
            self.expect("=")
            found[key] = self._until(",", ")")
            if not self.take(","):
                self.expect(")")
                break
        return found

    def in_parentheses(self) -> str:
        """Read `( ... )`; return what is between the two."""
        self.expect("(")
        inner = self._until(")")
        self.expect(")")
        return inner

    def before(self) -> str:
        """Return what has been read."""
        return self._text[self._words[0].start : self._words[self._at - 1].end]

    def rest(self) -> str:
        """Read all that is left; return it, without the space around it."""
        first = self._next()
        self._at = len(self._words)
        return self._text[first.start : self._words[-1].end]

    def end(self) -> None:
        """Raise WordsError when something is left."""
        if self._at < len(self._words):
            raise WordsError(f"{self._words[self._at].text} is too much")

    def _next(self) -> _Word:
        if self._at == len(self._words):
            raise WordsError("the statement ends too early")
        self._at += 1
        return self._words[self._at - 1]

    def _name_part(self) -> str:
        word = self._next()
        plain = word.kind not in _QUOTED and word.text.replace("$", "_").isidentifier()
        if word.kind is not TokenType.IDENTIFIER and not plain:
            raise WordsError(f"{word.text} is no name")
        return word.text.lower()

    def _until(self, *ends: str) -> str:
        """Read up to one of these signs outside of brackets; return what stands before it."""
        first = self._next()
        self._at -= 1
        awaited: list[str] = []
        while True:
            word = self._next()
            sign = word.text if word.kind not in _QUOTED else ""
            if not awaited and sign in ends:
                if word is first:
                    raise WordsError(f"nothing stands before {sign}")
                self._at -= 1
                return self._text[first.start : self._words[self._at - 1].end]
            if sign in _OPENING:
                awaited.append(_OPENING[sign])
            elif awaited and sign == awaited[-1]:
                awaited.pop()
