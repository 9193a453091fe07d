"""The SQL files of the applications: statements with places like `@{name}`, filled when the job is defined."""

import re
from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Final

END_OF_STATEMENT: Final = re.compile(r";$", re.MULTILINE)


class SqlText(Template):
    """SQL with places like `@{name}`; `$` is left to JSON paths."""

    delimiter = "@"


def statements(package: str, path: str, values: Mapping[str, str]) -> list[str]:
    """Return the statements of a file, or of all files of a folder by name, with every place filled.

    Args:
        package: the application, for example `flink_apps.unify`.
        path: the file or the folder, below the package's folder `sql`.
        values: the text of each place.

    Raises:
        KeyError: a place has no value.
    """
    found = files(package).joinpath("sql", *path.split("/"))
    parts = [found] if found.is_file() else [file for file in found.iterdir() if file.name.endswith(".sql")]
    texts = [file.read_text(encoding="utf-8") for file in sorted(parts, key=lambda file: file.name)]
    return [statement for text in texts for statement in _split(text, values)]


def _split(text: str, values: Mapping[str, str]) -> list[str]:
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    # A semicolon inside a line is one of a text.
    return [SqlText(part.strip()).substitute(values) for part in END_OF_STATEMENT.split(code) if part.strip()]
