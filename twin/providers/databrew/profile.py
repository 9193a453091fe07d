"""The profile of a data set: the statistics that a job asks for, under the names of DataBrew's documentation.

Statistics whose form is not documented, such as lists of values, are refused by name. Those of texts are of their
lengths, where DataBrew says so.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from twin.providers.databrew.recipe import is_missing, quoted, select, types_of

Document = dict[str, Any]

_DUPLICATES: Final = "DUPLICATE_ROWS_COUNT"
_NONE: Final = "NONE"
_NUMBERS: Final = frozenset({"BIGINT", "INTEGER", "SMALLINT", "TINYINT", "DOUBLE", "FLOAT"})
_TYPES: Final = {
    "VARCHAR": "string",
    "BOOLEAN": "boolean",
    "BIGINT": "long",
    "INTEGER": "integer",
    "DOUBLE": "double",
    "FLOAT": "float",
}
# By statistic: attributes of the profile, each with its expression of `{x}`, the value of a number or the length of a
# text; and whether it is of numbers only.
_MEASURED: Final[Mapping[str, tuple[Mapping[str, str], bool]]] = {
    "MIN": ({"min": "min({x})"}, False),
    "MAX": ({"max": "max({x})"}, False),
    "MEAN": ({"mean": "avg({x})"}, False),
    "MEDIAN": ({"median": "quantile_cont({x}, 0.5)"}, False),
    "STANDARD_DEVIATION": ({"standardDeviation": "stddev_samp({x})"}, False),
    "VARIANCE": ({"variance": "var_samp({x})"}, True),
    "RANGE": ({"range": "max({x}) - min({x})"}, True),
    "SUM": ({"sum": "sum({x})"}, True),
    "ZEROS_COUNT": ({"zerosCount": "count(*) FILTER (WHERE {x} = 0)"}, True),
    "INTER_QUARTILE_RANGE": ({"interquartileRange": "quantile_cont({x}, 0.75) - quantile_cont({x}, 0.25)"}, True),
    "PERCENTILES": (
        {f"percentile{at}": f"quantile_cont({{x}}, {at / 100})" for at in (5, 25, 75, 95)},
        True,
    ),
}
_COUNTED: Final = ("DISTINCT_VALUES_COUNT", "UNIQUE_VALUES_COUNT", "MISSING_VALUES_COUNT")


class ProfileError(RuntimeError):
    """A profile that cannot be made; its message becomes that of the job run."""


def profile(connection: Any, table: str, configuration: Mapping[str, Any]) -> Document:
    """Return the profile of a table of DuckDB.

    Args:
        configuration: the `ProfileConfiguration` of the job.

    Raises:
        ProfileError: it asks for something that is not carried here.
    """
    if other := set(configuration) - {
        "ProfileColumns",
        "DatasetStatisticsConfiguration",
        "ColumnStatisticsConfigurations",
    }:
        raise ProfileError(f"the laptop twin's profile has no {sorted(other)[0]}")
    types = types_of(connection, table)
    [rows] = connection.execute(select("count(*)", table)).fetchone()
    answer: Document = {"sampleSize": rows}
    wanted = _statistics(configuration.get("DatasetStatisticsConfiguration"), (_DUPLICATES,))
    if _DUPLICATES in wanted:
        answer["duplicateRowsCount"] = rows - _distinct_rows(connection, table)
    columns = _columns(configuration.get("ProfileColumns"), list(types))
    answer["columns"] = [
        _column(connection, table, name, types[name], _of_column(name, configuration)) for name in columns
    ]
    return answer


def _distinct_rows(connection: Any, table: str) -> int:
    [count] = connection.execute(select("count(*)", f"({select('DISTINCT *', table)})")).fetchone()
    return int(count)


def _columns(selectors: Sequence[Mapping[str, str]] | None, names: Sequence[str]) -> list[str]:
    if selectors is None:
        return list(names)
    found = [name for name in names if any(_selects(one, name) for one in selectors)]
    if strange := [one["Name"] for one in selectors if "Name" in one and one["Name"] not in names]:
        raise ProfileError(f"column {strange[0]} does not exist")
    return found


def _selects(selector: Mapping[str, str], name: str) -> bool:
    if "Name" in selector:
        return selector["Name"] == name
    return re.fullmatch(selector["Regex"], name) is not None


def _of_column(name: str, configuration: Mapping[str, Any]) -> Sequence[str]:
    """Return the statistics of a column: the last configuration that selects it counts."""
    known = (*_COUNTED, *_MEASURED)
    chosen: Mapping[str, Any] | None = None
    for one in configuration.get("ColumnStatisticsConfigurations", ()):
        selectors = one.get("Selectors")
        if selectors is None or any(_selects(selector, name) for selector in selectors):
            chosen = one["Statistics"]
    if chosen is None:
        raise ProfileError(f"no configuration names the statistics of {name}; all of them are more than the twin knows")
    return _statistics(chosen, known)


def _statistics(stated: Mapping[str, Any] | None, known: Sequence[str]) -> Sequence[str]:
    if stated is None or "IncludedStatistics" not in stated:
        raise ProfileError("IncludedStatistics is missing; all statistics are more than the laptop twin knows")
    if stated.get("Overrides"):
        raise ProfileError(f"the laptop twin's profile has no override of {stated['Overrides'][0]['Statistic']}")
    wanted: Sequence[str] = stated["IncludedStatistics"]
    if list(wanted) == [_NONE]:
        return ()
    if strange := [one for one in wanted if one not in known]:
        raise ProfileError(f"the laptop twin's profile has no {strange[0]} here; it has {', '.join(known)}")
    return wanted


def _column(connection: Any, table: str, name: str, kind: str, wanted: Sequence[str]) -> Document:
    if kind not in _TYPES:
        raise ProfileError(f"column {name}: DataBrew does not profile {kind}")
    answer: Document = {"name": name, "type": _TYPES[kind]}
    column = quoted(name)
    present = f"NOT {is_missing(column, kind)}"
    expressions: dict[str, str] = {}
    for statistic in wanted:
        if statistic in _COUNTED:
            expressions |= _counted(statistic, column, kind, table)
            continue
        attributes, of_numbers = _MEASURED[statistic]
        if kind in _NUMBERS or (kind == "VARCHAR" and not of_numbers):
            value = column if kind in _NUMBERS else f"CASE WHEN {present} THEN length({column}) END"
            expressions |= {key: expression.format(x=value) for key, expression in attributes.items()}
    if not expressions:
        return answer
    selected = ", ".join(f"{expression} AS {quoted(key)}" for key, expression in expressions.items())
    values = connection.execute(select(selected, table)).fetchone()
    return answer | {key: _plain(value) for key, value in zip(expressions, values, strict=True)}


def _counted(statistic: str, column: str, kind: str, table: str) -> Mapping[str, str]:
    missing = is_missing(column, kind)
    if statistic == "MISSING_VALUES_COUNT":
        return {"missingValuesCount": f"count(*) FILTER (WHERE {missing})"}
    if statistic == "DISTINCT_VALUES_COUNT":
        return {"distinctValuesCount": f"count(DISTINCT {column}) FILTER (WHERE NOT {missing})"}
    once = select(column, f"{table} WHERE NOT {missing} GROUP BY {column} HAVING count(*) = 1")
    return {"uniqueValuesCount": f"({select('count(*)', f'({once})')})"}


def _plain(value: Any) -> Any:
    """Return a number as JSON has it; sums of whole numbers are wider than it knows."""
    if value is None or isinstance(value, (int, float)):
        return value
    return int(value) if value == int(value) else float(value)
