"""Questions about metrics as statements that Athena answers."""

from collections.abc import Mapping, Sequence

from c360_metrics.definitions import Metric
from c360_metrics.expressions import sql


class QuestionError(ValueError):
    """Metrics that cannot be asked for together, or by something that their mart does not have."""


def statement(metrics: Sequence[Metric], *, by: Sequence[str] = (), where: Mapping[str, str] | None = None) -> str:
    """Return the statement that answers with metrics of one mart.

    Args:
        metrics: of one semantic model; each becomes a column with its name.
        by: names of dimensions; a row for each combination of their values, in order.
        where: the value that a dimension has, by its name.

    Raises:
        QuestionError: the metrics are of several marts, a dimension is unknown, or a sum would go across what must not
            be added up.
    """
    chosen = dict(where or {})
    models = {metric.model.name: metric.model for metric in metrics}
    if len(models) != 1:
        raise QuestionError(f"ask for metrics of one semantic model, not of {', '.join(sorted(models)) or 'none'}")
    [model] = models.values()
    columns = {dimension.name: dimension.column.name for dimension in model.dimensions}
    if unknown := [name for name in (*by, *chosen) if name not in columns]:
        raise QuestionError(f"{model.name} has no dimension `{unknown[0]}`; it has {', '.join(columns)}")
    held = {columns[name] for name in (*by, *chosen)}
    if loose := [name for name in model.not_across if name not in held]:
        raise QuestionError(f"{model.name} is not added up across {loose[0]}; divide by it or choose one value")
    groups = [f'"{columns[name]}" AS "{name}"' for name in by]
    numbers = [f'{sql(metric)} AS "{metric.name}"' for metric in metrics]
    lines = [f"SELECT {', '.join([*groups, *numbers])}", f'FROM "{model.mart}"']
    if chosen:
        lines.append("WHERE " + " AND ".join(f'"{columns[name]}" = {_text(value)}' for name, value in chosen.items()))
    if by:
        places = ", ".join(str(place) for place in range(1, len(by) + 1))
        lines += [f"GROUP BY {places}", f"ORDER BY {places}"]
    return "\n".join(lines)


def _text(value: str) -> str:
    quoted = value.replace("'", "''")
    return f"'{quoted}'"
