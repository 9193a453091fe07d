"""Reads the metrics from the dbt project, and says what is wrong with them: the file, the field and the fix.

dbt checks the form of what it knows itself when it parses the project. Here is checked what it does not see: whether
the columns exist and have a type that can be computed with, whether the dashboards can say the expression, and whether
people can tell the metrics apart by what they call them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from c360_metrics.definitions import (
    Aggregation,
    Column,
    Dimension,
    Kind,
    Measure,
    Metric,
    Metrics,
    SemanticModel,
    Unit,
)
from c360_metrics.expressions import ExpressionError, columns_of, row_in_quicksight
from c360_metrics.words import names_of_dimension, spoken

MODELS: Final = "models"
CURRENCY: Final = "currency"
_KINDS: Final[Mapping[str, Kind]] = {
    "varchar": Kind.TEXT,
    "bigint": Kind.WHOLE,
    "integer": Kind.WHOLE,
    "decimal": Kind.DECIMAL,
    "double": Kind.DECIMAL,
    "date": Kind.DATE,
    "timestamp": Kind.TIME,
    "boolean": Kind.BOOLEAN,
}

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong, where, and what to do about it."""

    file: str
    field: str
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}: {self.field}: {self.message}; {self.fix}"


class MetricsError(ValueError):
    """Some metrics are wrong; `problems` holds all of them, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


@dataclass(slots=True)
class _Reading:
    """What is read so far."""

    file: str = ""
    problems: list[Problem] = field(default_factory=list)
    columns: dict[str, dict[str, Column]] = field(default_factory=dict)
    models: dict[str, SemanticModel] = field(default_factory=dict)
    measures: dict[str, tuple[SemanticModel, Measure]] = field(default_factory=dict)
    metrics: dict[str, Metric] = field(default_factory=dict)

    def refuse(self, where: str, message: str, fix: str) -> None:
        self.problems.append(Problem(file=self.file, field=where, message=message, fix=fix))


def read(project: Path) -> Metrics:
    """Read the metrics of a dbt project.

    Args:
        project: the folder of the project.

    Raises:
        MetricsError: with every problem found.
    """
    reading = _Reading()
    documents = dict(_documents(project))
    for document in documents.values():
        _read_columns(document, reading)
    for reading.file, document in documents.items():
        for stated in document.get("semantic_models", ()):
            _read_model(stated, reading)
    stated = [(file, one) for file, document in documents.items() for one in document.get("metrics", ())]
    # A ratio is made of metrics that may stand in a later file.
    for kind in ("simple", "ratio"):
        for reading.file, one in stated:
            if one.get("type") == kind:
                _read_metric(one, reading)
    for reading.file, one in stated:
        if one.get("type") not in {"simple", "ratio"}:
            fix = "write `simple` or `ratio`; compute anything else in the mart"
            reading.refuse(
                f"metrics.{one.get('name')}.type", f"the dashboards have no `{one.get('type')}` metrics", fix
            )
    _tell_apart(stated, reading)
    if reading.problems:
        raise MetricsError(reading.problems)
    return Metrics(models=reading.models, metrics={one["name"]: reading.metrics[one["name"]] for _, one in stated})


def _documents(project: Path) -> Iterator[tuple[str, Document]]:
    for path in sorted((project / MODELS).rglob("*.yml")):
        yield f"{project.name}/{path.relative_to(project)}", yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def _read_columns(document: Document, reading: _Reading) -> None:
    for model in document.get("models", ()):
        reading.columns[model["name"]] = {
            column["name"]: Column(name=column["name"], kind=kind, description=column.get("description", ""))
            for column in model.get("columns", ())
            if (kind := _KINDS.get(str(column.get("data_type", "")).partition("(")[0])) is not None
        }


# ---- semantic models


def _read_model(stated: Document, reading: _Reading) -> None:
    name = stated["name"]
    where = f"semantic_models.{name}"
    mart = str(stated.get("model", "")).removeprefix("ref('").removesuffix("')")
    columns = reading.columns.get(mart)
    if columns is None:
        reading.refuse(f"{where}.model", f"no model `{mart}` is described", "name a model of sql/models/marts")
        return
    meta = _meta(stated)
    grain = meta.get("grain")
    if not grain:
        reading.refuse(f"{where}.config.meta.grain", "is missing", "say what a row of the model is")
    if not stated.get("description"):
        reading.refuse(f"{where}.description", "is missing", "say what the model is about")
    not_across = tuple(meta.get("not_across", ()))
    for column in not_across:
        _require(column, columns, f"{where}.config.meta.not_across", mart, reading)
    keys = tuple(str(one.get("expr", one["name"])) for one in stated.get("entities", ()))
    for one, column in zip(stated.get("entities", ()), keys, strict=True):
        _require(column, columns, f"{where}.entities.{one['name']}", mart, reading)
    model = SemanticModel(
        name=name,
        mart=mart,
        description=str(stated.get("description", "")),
        grain=str(grain),
        columns=columns,
        keys=tuple(key for key in keys if key in columns),
        dimensions=tuple(_dimensions(stated, where, mart, columns, reading)),
        measures=tuple(_measures(stated, where, mart, columns, reading)),
        not_across=not_across,
    )
    reading.models[name] = model
    reading.measures.update({measure.name: (model, measure) for measure in model.measures})


def _dimensions(
    stated: Document, where: str, mart: str, columns: Mapping[str, Column], reading: _Reading
) -> Iterator[Dimension]:
    for one in stated.get("dimensions", ()):
        place = f"{where}.dimensions.{one['name']}"
        column = str(one.get("expr", one["name"]))
        if not _require(column, columns, place, mart, reading):
            continue
        granularity = one.get("type_params", {}).get("time_granularity")
        is_time = columns[column].kind in {Kind.DATE, Kind.TIME}
        if (granularity is not None) != is_time:
            kind = "time" if is_time else "categorical"
            reading.refuse(f"{place}.type", f"`{column}` is {columns[column].kind}", f"write `type: {kind}`")
            continue
        yield Dimension(
            name=one["name"],
            column=columns[column],
            description=one.get("description", columns[column].description),
            granularity=granularity,
        )


def _measures(
    stated: Document, where: str, mart: str, columns: Mapping[str, Column], reading: _Reading
) -> Iterator[Measure]:
    for one in stated.get("measures", ()):
        place = f"{where}.measures.{one['name']}"
        expression = str(one.get("expr", one["name"]))
        if one["name"] in reading.measures:
            reading.refuse(place, "is the name of another measure, too", "give each measure a name of its own")
        if one.get("agg") not in list(Aggregation):
            fix = f"use one of {', '.join(Aggregation)}"
            reading.refuse(f"{place}.agg", f"the dashboards do not know `{one.get('agg')}`", fix)
            continue
        try:
            row_in_quicksight(expression)
            used = columns_of(expression)
        except ExpressionError as error:
            reading.refuse(f"{place}.expr", str(error), "compute it in the mart")
            continue
        if not used:
            reading.refuse(f"{place}.expr", f"`{expression}` reads no column", "name what is counted or added up")
            continue
        present = [_require(column, columns, f"{place}.expr", mart, reading) for column in used]
        if not all(present):
            continue
        aggregation = Aggregation(one["agg"])
        if aggregation.takes_numbers and expression in columns and not columns[expression].kind.is_number:
            fix = "count it, or name a column of numbers"
            reading.refuse(f"{place}.agg", f"`{expression}` is {columns[expression].kind}, which has no sum", fix)
            continue
        yield Measure(
            name=one["name"],
            aggregation=aggregation,
            expression=expression,
            description=one.get("description", ""),
        )


def _require(column: str, columns: Mapping[str, Column], where: str, mart: str, reading: _Reading) -> bool:
    if column in columns:
        return True
    reading.refuse(where, f"`{mart}` has no column `{column}` of a simple type", f"use one of {', '.join(columns)}")
    return False


# ---- metrics


def _read_metric(stated: Document, reading: _Reading) -> None:
    name = stated["name"]
    where = f"metrics.{name}"
    if name in reading.metrics:
        reading.refuse(where, "is there twice", "give each metric a name of its own")
        return
    meta = _meta(stated)
    for field_, value, fix in (
        ("label", stated.get("label"), "write what people read on a dashboard"),
        ("description", stated.get("description"), "say what exactly is counted"),
        ("config.meta.owner", meta.get("owner"), "name who answers for the number"),
        ("config.meta.synonyms", meta.get("synonyms"), "write what else people call it"),
    ):
        if not value:
            reading.refuse(f"{where}.{field_}", "is missing", fix)
    if meta.get("unit") not in list(Unit):
        reading.refuse(f"{where}.config.meta.unit", f"`{meta.get('unit')}` is no unit", f"use one of {', '.join(Unit)}")
        return
    if stated.get("filter"):
        fix = "put the condition into the measure: case when <condition> then ... else ... end"
        reading.refuse(f"{where}.filter", "the dashboards cannot apply it to one metric", fix)
        return
    found = _ratio(stated, where, reading) if stated["type"] == "ratio" else _simple(stated, where, reading)
    if found is None:
        return
    model, numerator, denominator = found
    if Unit(meta["unit"]) is Unit.MONEY and CURRENCY not in model.not_across:
        _refuse_mixed_money(where, model, reading)
        return
    reading.metrics[name] = Metric(
        name=name,
        label=str(stated.get("label")),
        description=str(stated.get("description")),
        owner=str(meta.get("owner")),
        unit=Unit(meta["unit"]),
        synonyms=tuple(meta.get("synonyms") or ()),
        model=model,
        numerator=numerator,
        denominator=denominator,
    )


def _refuse_mixed_money(where: str, model: SemanticModel, reading: _Reading) -> None:
    """Refuse amounts of two currencies in one sum: no rate between them is known here."""
    if CURRENCY in model.columns:
        message = f"`{model.name}` would add up amounts of two currencies, between which no rate is known"
        fix = f"write `not_across: [{CURRENCY}]` into the meta of the semantic model"
    else:
        message = f"`{model.mart}` does not say in which currency its amounts are"
        fix = f"give the mart a column `{CURRENCY}`"
    reading.refuse(f"{where}.config.meta.unit", message, fix)


_Found = tuple[SemanticModel, Measure, Measure | None]


def _simple(stated: Document, where: str, reading: _Reading) -> _Found | None:
    measure = _named(stated.get("type_params", {}).get("measure"))
    if measure not in reading.measures:
        fix = "name a measure of a semantic model"
        reading.refuse(f"{where}.type_params.measure", f"there is no measure `{measure}`", fix)
        return None
    return (*reading.measures[measure], None)


def _ratio(stated: Document, where: str, reading: _Reading) -> _Found | None:
    parts: list[Metric] = []
    for part in ("numerator", "denominator"):
        name = _named(stated.get("type_params", {}).get(part))
        found = reading.metrics.get(name)
        if found is None or found.denominator is not None:
            reading.refuse(f"{where}.type_params.{part}", f"there is no simple metric `{name}`", "name a simple metric")
            return None
        parts.append(found)
    numerator, denominator = parts
    if numerator.model.name != denominator.model.name:
        message = f"`{numerator.name}` and `{denominator.name}` are of different marts"
        reading.refuse(f"{where}.type_params", message, "make a mart that has both")
        return None
    return numerator.model, numerator.numerator, denominator.numerator


def _named(stated: Any) -> str:
    return str(stated["name"] if isinstance(stated, Mapping) else stated)


def _tell_apart(stated: Sequence[tuple[str, Document]], reading: _Reading) -> None:
    """Refuse words for two things: whoever asks in words would get one of them by chance."""
    meant = {
        spoken(name): f"the dimension `{one.name}` of `{model.name}`"
        for model in reading.models.values()
        for one in model.dimensions
        for name in names_of_dimension(one.name)
    }
    for reading.file, one in stated:
        names = {spoken(str(name)) for name in (one["name"], one.get("label", ""))}
        synonyms = [str(word) for word in _meta(one).get("synonyms") or ()]
        heard = [spoken(word) for word in synonyms]
        where = f"metrics.{one['name']}.config.meta.synonyms"
        for word, said in zip(synonyms, heard, strict=True):
            if not said:
                reading.refuse(where, f"`{word}` is no word", "write what people say")
            elif said in names or heard.count(said) > 1:
                reading.refuse(where, f"`{word.casefold()}` is there more than once", "write each word once")
        for said in sorted({*names, *heard}):
            other = meant.setdefault(said, f"`{one['name']}`")
            if other != f"`{one['name']}`":
                reading.refuse(where, f"`{' '.join(said)}` means {other}, too", "give the words to one of the two")


def _meta(stated: Document) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (stated.get("config") or {}).get("meta") or {}
    return found
