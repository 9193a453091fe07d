"""The topic: what QuickSight answers in words, by the names and synonyms of the metrics."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from c360_metrics.definitions import Metric, Metrics, SemanticModel, Unit
from c360_metrics.expressions import quicksight
from stacks.analytics.dashboards.definition import data_columns, field_of

Json = dict[str, Any]
_LONGEST: Final = 256
_FORMATS: Final[Mapping[Unit, str]] = {
    Unit.COUNT: "NUMBER",
    Unit.MONEY: "NUMBER",
    Unit.SCORE: "NUMBER",
    Unit.SHARE: "PERCENT",
}


def data_sets(metrics: Metrics, models: Sequence[SemanticModel], arns: Mapping[str, str]) -> list[Json]:
    """Return the data sets of the topic.

    Numbers are asked for by their metrics alone: a column that could be added up in another way is not in the topic.

    Args:
        models: that have a data set.
        arns: of the data sets, by the models' names.
    """
    return [
        {
            "DatasetArn": arns[model.name],
            "DatasetName": model.name.replace("_", " "),
            "DatasetDescription": f"{model.description} A row is {model.grain}."[:_LONGEST],
            "Columns": _columns(model),
            "CalculatedFields": [_calculated(metric) for metric in metrics.of(model.name)],
            "NamedEntities": [_entity(model)],
        }
        for model in models
    ]


def _columns(model: SemanticModel) -> list[Json]:
    asked = {one.column.name: one for one in model.dimensions}
    columns = []
    for column in data_columns(model):
        known = asked.get(column.name)
        columns.append(
            {
                "ColumnName": column.name,
                "ColumnFriendlyName": (known.name if known else column.name).replace("_", " "),
                "ColumnDescription": column.description[:_LONGEST],
                "ColumnDataRole": "DIMENSION",
                "IsIncludedInTopic": known is not None,
            }
        )
    return columns


def _calculated(metric: Metric) -> Json:
    return {
        "CalculatedFieldName": field_of(metric),
        "CalculatedFieldDescription": metric.description,
        "CalculatedFieldSynonyms": [metric.label, *metric.synonyms],
        "Expression": quicksight(metric),
        "ColumnDataRole": "MEASURE",
        "DefaultFormatting": {"DisplayFormat": _FORMATS[metric.unit]},
        "IsIncludedInTopic": True,
        # The expression aggregates already, and a sum across these columns would mean nothing.
        "NonAdditive": bool(metric.denominator or metric.model.not_across),
    }


def _entity(model: SemanticModel) -> Json:
    """What a row is about, shown when somebody asks for it as a whole."""
    shown = [*model.keys, *(one.column.name for one in model.dimensions)]
    return {
        "EntityName": model.grain.removeprefix("a ").removeprefix("an "),
        "EntityDescription": model.description[:_LONGEST],
        "Definition": [{"FieldName": name} for name in dict.fromkeys(shown)],
    }
