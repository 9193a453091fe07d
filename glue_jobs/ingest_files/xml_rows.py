"""Reads landed XML files: each element of the contract's name is a row, its attributes and child elements are columns.

Expat reads the text piece by piece, and at most one row more than a piece is in memory. A document type declaration
refuses the file: only it can declare entities, so there are none that expand to gigabytes, and none that read files or
addresses. Names count without their namespace.
"""

import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from xml.parsers import expat

from c360_core.contracts import FileFormat, Table
from c360_core.exact_json import MAX_DEPTH, encode
from glue_jobs.ingest_files.named_columns import NamedColumns
from glue_jobs.ingest_files.refusal import RefusedFileError
from glue_jobs.ingest_files.row import Row, bad_row
from glue_jobs.ingest_files.texts import MAX_RECORD_CHARACTERS, checked_text

MOST_WAITING: Final = 4 * MAX_RECORD_CHARACTERS  # bytes of a piece of markup that does not end
NO_NAMES: Final = ("xmlns", "xsi", "xml")  # prefixes of attributes that say something about the document
NIL: Final = "xsi:nil"
BESIDE: Final = "#text"  # text beside elements; no column can have this name


class XmlReader:
    """Reads XML files."""

    def __init__(self, table: Table, file_format: FileFormat) -> None:
        """Take the contract's columns and file format."""
        self._table = table
        self._format = file_format

    def check(self, pieces: Iterable[bytes]) -> tuple[str, ...]:
        """Return the names that are not in the contract; see `Reader`."""
        columns = NamedColumns(self._table, self._format)
        document = _Document(str(self._format.row_element))
        read = sum(1 for _ in self._rows(pieces, columns, document))
        columns.check_complete()
        if not read and document.others:
            names = ", ".join(f"`{name}`" for name in document.others)
            raise RefusedFileError(
                "MISSING_COLUMN",
                f"the file has no element `{self._format.row_element}`, but {names}; send the rows as "
                f"`{self._format.row_element}`, or correct `fileFormat.rowElement`",
            )
        return columns.extra

    def rows(self, pieces: Iterable[bytes]) -> Iterator[Row]:
        """Yield the rows; see `Reader`."""
        document = _Document(str(self._format.row_element))
        return self._rows(pieces, NamedColumns(self._table, self._format), document)

    def _rows(self, pieces: Iterable[bytes], columns: NamedColumns, document: "_Document") -> Iterator[Row]:
        encoding = self._format.encoding
        for number, element in enumerate(document.read(checked_text(pieces, encoding), encoding), start=1):
            where = f"row {number}, line {element.line}"
            record = element.content
            body = encode(record)
            if element.too_deep:
                reason = f"{where}, has more than {MAX_DEPTH} levels of elements; send fewer"
                yield bad_row(number, body, columns=len(self._table.file_columns), code="WRONG_TYPE", reason=reason)
            else:
                yield columns.row(number, where, record, body)


@dataclass(slots=True)
class _Element:
    """An element that is being read, or a row.

    Attributes:
        name: without its namespace.
        line: number of its first line.
        attributes: by name.
        children: the values of its child elements, and of their attributes where they hold text.
        text: the pieces of its text.
        is_nil: whether it says that it has no value.
        too_deep: whether it contains more levels than are read.
    """

    name: str
    line: int
    attributes: dict[str, Any]
    children: dict[str, Any] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)
    is_nil: bool = False
    too_deep: bool = False

    @property
    def content(self) -> dict[str, Any]:
        """Attributes and child elements, as an object; what is there twice is a list."""
        record = dict(self.attributes)
        for name, value in self.children.items():
            _add(record, name, value)
        if (text := "".join(self.text)).strip():
            record[BESIDE] = text
        return record


class _Document:
    """Finds the rows of a document."""

    def __init__(self, row_element: str) -> None:
        """Take the name of the element that is a row."""
        self._row_element = row_element
        self._open: list[_Element] = []
        self._depth = 0
        self._characters = 0
        self._rows: list[_Element] = []
        self.others: dict[str, None] = {}  # names of elements directly below the root, the first of them

    def read(self, texts: Iterable[str], encoding: str) -> Iterator[_Element]:
        """Yield the rows of a text.

        Raises:
            RefusedFileError: it is no well-formed XML, declares a document type, or says that it has another encoding.
        """
        self._parser = self._new_parser(encoding)
        fed = 0
        try:
            for text in texts:
                self._parser.Parse(text, False)  # noqa: FBT003  # more follows
                fed += len(text.encode())
                if fed - max(self._parser.CurrentByteIndex, 0) > MOST_WAITING:
                    raise _too_long(self._parser.CurrentLineNumber)
                yield from self._taken()
            self._parser.Parse("", True)  # noqa: FBT003  # nothing follows
        except expat.ExpatError as error:
            reason = f"the file is no well-formed XML: {expat.ErrorString(error.code)}, line {error.lineno}; correct it"
            raise RefusedFileError("WRONG_ENCODING", reason) from error
        yield from self._taken()

    def _taken(self) -> Sequence[_Element]:
        taken, self._rows = self._rows, []
        return taken

    def _new_parser(self, encoding: str) -> expat.XMLParserType:
        def check_encoding(_version: str, declared: str | None, _standalone: int) -> None:
            if declared is not None and not _is_same(declared, encoding):
                reason = f"the file says that it is {declared}, but its contract says {encoding}; correct either"
                raise RefusedFileError("WRONG_ENCODING", reason)

        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.XmlDeclHandler = check_encoding
        parser.StartDoctypeDeclHandler = _refuse_document_type
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        return parser

    def _start(self, given: str, attributes: list[str]) -> None:
        name = _local(given)
        self._depth += 1
        if not self._open:
            if name != self._row_element:
                if self._depth == 2 and len(self.others) < 5:  # noqa: PLR2004  # below the root; a few are enough
                    self.others[name] = None
                return
            self._characters = 0
        self._count(len(given) + sum(map(len, attributes)))
        pairs = list(zip(attributes[::2], attributes[1::2], strict=True))
        element = _Element(name, self._parser.CurrentLineNumber, {})
        for key, value in pairs:
            if key == NIL:
                element.is_nil = value in {"true", "1"}
            elif key.partition(":")[0] not in NO_NAMES:
                _add(element.attributes, _local(key), value)
        if len(self._open) >= MAX_DEPTH:
            self._open[0].too_deep = True
        self._open.append(element)

    def _text(self, text: str) -> None:
        if self._open:
            self._count(len(text))
            self._open[-1].text.append(text)

    def _end(self, _name: str) -> None:
        self._depth -= 1
        if not self._open:
            return
        element = self._open.pop()
        if not self._open:
            self._rows.append(element)
        elif len(self._open) < MAX_DEPTH:
            self._keep(self._open[-1].children, element)

    def _keep(self, siblings: dict[str, Any], element: _Element) -> None:
        """Add an element to those of its parent: an object, or a text, beside which its attributes stand."""
        if element.children:
            _add(siblings, element.name, element.content)
            return
        text = "".join(element.text)
        _add(siblings, element.name, None if element.is_nil or not text.strip() else text)
        for name, value in element.attributes.items():
            _add(siblings, f"{element.name}@{name}", value)

    def _count(self, characters: int) -> None:
        self._characters += characters
        if self._characters > MAX_RECORD_CHARACTERS:
            raise _too_long(self._open[0].line if self._open else self._parser.CurrentLineNumber)


def _add(record: dict[str, Any], name: str, value: Any) -> None:
    """Add a value to an object; the values of a name that is there more than once become a list."""
    if name not in record:
        record[name] = value
    elif isinstance(record[name], list):
        record[name].append(value)
    else:
        record[name] = [record[name], value]


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _is_same(declared: str, encoding: str) -> bool:
    try:
        return codecs.lookup(declared).name == codecs.lookup(encoding).name
    except LookupError:
        return False


def _too_long(line: int) -> RefusedFileError:
    return RefusedFileError(
        "OVERSIZE",
        f"the element that begins in line {line} has more than {MAX_RECORD_CHARACTERS:,} characters; split it",
    )


def _refuse_document_type(*_: Any) -> None:
    raise RefusedFileError(
        "WRONG_ENCODING", "the file has a document type declaration (DOCTYPE), which can declare entities; leave it out"
    )
