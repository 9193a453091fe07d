"""Writes what the marts show of a profile into the dbt project, from the contract of `profiles`.

`macros/profile_columns.sql` is written whole; in the descriptions of the models, the lines between two marks. dbt wants
both as text: a model with an enforced contract names its columns and their types.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from c360_core.contracts import Contracts, Field
from c360_core.names import MartColumn, ProfilePart, TableName
from c360_core.projections import mart_type
from tools.contracts.standard import Problem

SQL_DIRECTORY: Final = Path(__file__).resolve().parents[2] / "sql"
MACROS: Final = Path("macros") / "profile_columns.sql"
LICENCES: Final = Path("macros") / "licences.sql"
DESCRIPTIONS: Final = (
    Path("models") / "intermediate" / "intermediate.yml",
    Path("models") / "marts" / "marts.yml",
)
WRITE_HINT: Final = "run `python -m tools.contracts`"
_MARKED: Final = re.compile(
    r"(?P<begin>^ *# columns of profiles: (?P<which>\w+); written by tools\.contracts\n)(?P<lines>(?:.*\n)*?)"
    r"(?P<end>^ *# end of columns of profiles\n)",
    re.MULTILINE,
)
_HEADING: Final = (
    "{# Written by `python -m tools.contracts` from contracts/profiles.odcs.yaml: change the columns there. #}\n"
)


def files(contracts: Contracts, directory: Path = SQL_DIRECTORY) -> Mapping[Path, str]:
    """Return the text of each file that the contract decides, by its path in the dbt project.

    Args:
        contracts: the compiled contracts.
        directory: the dbt project, whose descriptions are taken over but for what is between the marks.
    """
    columns = [field for field in contracts.product(TableName.PROFILES).table.fields if field.mart is not None]
    described = {path: _described((directory / path).read_text(encoding="utf-8"), columns) for path in DESCRIPTIONS}
    return {MACROS: _macros(columns), LICENCES: _licences(contracts), **described}


def write(contracts: Contracts, directory: Path = SQL_DIRECTORY) -> None:
    """Write the files; an unchanged one is left alone, so that asset hashes and times stay."""
    for path in _changed(contracts, directory):
        (directory / path).write_text(files(contracts, directory)[path], encoding="utf-8")


def problems(contracts: Contracts, directory: Path = SQL_DIRECTORY) -> list[Problem]:
    """Return the files that say something else than the contract."""
    return [
        Problem(file=f"{directory.name}/{path}", field="-", message="does not follow from the contract", fix=WRITE_HINT)
        for path in _changed(contracts, directory)
    ]


def _changed(contracts: Contracts, directory: Path) -> list[Path]:
    return [
        path
        for path, text in files(contracts, directory).items()
        if not (directory / path).exists() or (directory / path).read_text(encoding="utf-8") != text
    ]


# ---- which columns


def _all(columns: Sequence[Field]) -> list[Field]:
    return list(columns)


def _attributes(columns: Sequence[Field]) -> list[Field]:
    return [field for field in columns if field.profile_part is ProfilePart.ATTRIBUTES]


def _facts(columns: Sequence[Field]) -> list[Field]:
    """What else the customers' mart shows: without what it computes itself, and what belongs to no part."""
    return [
        field
        for field in columns
        if field.profile_part not in {None, ProfilePart.ATTRIBUTES} and field.mart is not MartColumn.COMPARED
    ]


_CHOICES: Final[Mapping[str, Callable[[Sequence[Field]], list[Field]]]] = {
    "all": _all,
    "attributes": _attributes,
    "facts": _facts,
}


# ---- texts


def _name(field: Field) -> str:
    return f"{field.name}_masked" if field.mart is MartColumn.MASKED else field.name


def _licences(contracts: Contracts) -> str:
    """The terms of bought products: what holds while a licence does, and a row of each."""
    terms = {source.name: source.licence for source in contracts.sources.values() if source.licence is not None}
    ends = "\n".join(f"    '{name}': '{licence.ends}'," for name, licence in sorted(terms.items()))
    rows = ",\n".join(
        "  ('{}', '{}', date '{}')".format(name, licence.attribution.replace("'", "''"), licence.ends)
        for name, licence in sorted(terms.items())
    )
    return (
        "{# Written by `python -m tools.contracts` from the licences of contracts: change the terms there. #}\n\n"
        "{# Whether the licence of a product holds today. #}\n"
        "{% macro licensed(product) -%}\n"
        f"  {{%- set ends = {{\n{ends}\n  }} -%}}\n"
        "  current_date < date '{{ ends[product] }}'\n"
        "{%- endmacro %}\n\n"
        "{# Product, attribution and end of each licence. #}\n"
        f"{{% macro licence_terms() -%}}\n{rows}\n{{%- endmacro %}}\n"
    )


def _macros(columns: Sequence[Field]) -> str:
    choices = {
        "profile_columns": ("all", "All of them, by their names in the marts."),
        "profile_attributes": ("attributes", "Who the customer is."),
        "profile_facts": ("facts", "What else is known of the customer and is not computed from the interactions."),
    }
    return "\n".join(
        [
            _HEADING,
            _macro("profile_columns_of_lake", "Read from the lake, masked.", [_read(field) for field in columns]),
            *(
                _macro(name, about, [f"{{{{ row }}}}.{_name(field)}" for field in _CHOICES[which](columns)])
                for name, (which, about) in choices.items()
            ),
        ]
    )


def _macro(name: str, about: str, expressions: Sequence[str]) -> str:
    listed = ",\n".join(f"  {expression}" for expression in expressions)
    return f"{{# {about} #}}\n{{% macro {name}(row) -%}}\n{listed}\n{{%- endmacro %}}\n"


def _read(field: Field) -> str:
    if field.mart is MartColumn.MASKED:
        return f"{{{{ masked_{field.name}(row ~ '.{field.name}') }}}} as {_name(field)}"
    return f"cast({{{{ row }}}}.{field.name} as {mart_type(field)}) as {field.name}"


def _described(text: str, columns: Sequence[Field]) -> str:
    def filled(found: re.Match[str]) -> str:
        indentation = found["begin"][: -len(found["begin"].lstrip(" "))]
        lines = "".join(f"{indentation}{_description(field)}\n" for field in _CHOICES[found["which"]](columns))
        return f"{found['begin']}{lines}{found['end']}"

    return _MARKED.sub(filled, text)


def _description(field: Field) -> str:
    about = f"{field.description} Masked." if field.mart is MartColumn.MASKED else field.description
    kind = json.dumps(mart_type(field)) if "," in mart_type(field) else mart_type(field)
    return f"- {{name: {_name(field)}, data_type: {kind}, description: {json.dumps(about, ensure_ascii=False)}}}"
