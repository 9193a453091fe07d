"""What a metric is: a label and an owner, and an aggregation of columns of one mart."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What the values of a column are."""

    TEXT = "text"
    WHOLE = "whole"
    DECIMAL = "decimal"
    DATE = "date"
    TIME = "time"
    BOOLEAN = "boolean"

    @property
    def is_number(self) -> bool:
        """Say whether the values can be added up."""
        return self in {Kind.WHOLE, Kind.DECIMAL}


class Aggregation(StrEnum):
    """How the rows of a measure become one number; dbt's words."""

    SUM = "sum"
    COUNT = "count"
    COUNT_DISTINCT = "count_distinct"
    AVERAGE = "average"
    MIN = "min"
    MAX = "max"

    @property
    def takes_numbers(self) -> bool:
        """Say whether only numbers can be aggregated in this way."""
        return self in {Aggregation.SUM, Aggregation.AVERAGE}


class Unit(StrEnum):
    """What a number counts, and so how it is shown."""

    COUNT = "count"
    MONEY = "money"
    SHARE = "share"
    SCORE = "score"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a mart, as its model describes it."""

    name: str
    kind: Kind
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """By what a number can be divided or chosen.

    Attributes:
        column: of the mart.
        granularity: of a time, the shortest span that it tells apart; None for anything else.
    """

    name: str
    column: Column
    description: str
    granularity: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """Rows of a mart as one number.

    Attributes:
        expression: in SQL, of one row.
    """

    name: str
    aggregation: Aggregation
    expression: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SemanticModel:
    """A mart, by what it can be divided and what can be computed from it.

    Attributes:
        mart: the table in the products zone.
        grain: what a row is.
        keys: columns that tell the rows apart or name what a row is about.
        not_across: columns by which nothing is ever added up.
    """

    name: str
    mart: str
    description: str
    grain: str
    columns: Mapping[str, Column]
    keys: tuple[str, ...]
    dimensions: tuple[Dimension, ...]
    measures: tuple[Measure, ...]
    not_across: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number that everybody means alike.

    Attributes:
        model: of its mart.
        numerator: what is computed; for a share or a mean of the metric, divided by the denominator.
        synonyms: what else people call it.
    """

    name: str
    label: str
    description: str
    owner: str
    unit: Unit
    synonyms: tuple[str, ...]
    model: SemanticModel
    numerator: Measure
    denominator: Measure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """All metrics of the project, by name, and the semantic models under them."""

    models: Mapping[str, SemanticModel]
    metrics: Mapping[str, Metric]

    def of(self, model: str) -> tuple[Metric, ...]:
        """Return the metrics of a semantic model."""
        return tuple(metric for metric in self.metrics.values() if metric.model.name == model)
