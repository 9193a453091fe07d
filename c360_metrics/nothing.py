"""Why a question has no answer: its mart has no row, none of what was chosen, or none with a number.

An empty answer and a 0 of an empty mart look like numbers. So a question that has nothing else is asked once more, for
the rows behind it.
"""

from collections.abc import Sequence

from c360_metrics.words import Asked

Row = Sequence[str | None]


def says_nothing(asked: Asked, rows: Sequence[Row]) -> bool:
    """Say whether an answer has no number but 0, so that there may be no data behind it."""
    numbers = [cell for row in rows for cell in row[len(asked.by) :]]
    return not any(cell is not None and float(cell) != 0 for cell in numbers)


def rows_behind(asked: Asked) -> str:
    """Return the statement that counts the rows of the mart and those chosen, and lists the values to choose from."""
    [model] = {metric.model.name: metric.model for metric in asked.metrics}.values()
    columns = {one.name: one.column.name for one in model.dimensions}
    counts = ["count(*)"]
    for name, value in asked.where.items():
        quoted = value.replace("'", "''")
        counts.append(f"count_if(\"{columns[name]}\" = '{quoted}')")
        counts.append(f"array_join(array_sort(array_agg(DISTINCT \"{columns[name]}\")), ', ')")
    return f'SELECT {", ".join(counts)} FROM "{model.mart}"'  # noqa: S608  # names of our own models, and a quoted value


def reason(asked: Asked, rows: Sequence[Row], behind: Row) -> str | None:
    """Return why there is no data; None where the answer is one, such as 0 orders.

    Args:
        asked: the question.
        rows: its answer.
        behind: the one row that answers `rows_behind`.
    """
    everything, *of_choices = behind
    if everything == "0":
        return f"there is no row of {asked.metrics[0].model.name.replace('_', ' ')}"
    pairs = zip(asked.where.items(), of_choices[::2], of_choices[1::2], strict=True)
    for (name, value), count, known in pairs:
        if count == "0":
            return (
                f"there is no row with {name.replace('_', ' ')} {value}; there are rows with {known or 'none at all'}"
            )
    if any(cell is not None for row in rows for cell in row[len(asked.by) :]):
        return None
    if all(metric.denominator is not None for metric in asked.metrics):
        return "there is nothing to divide by"
    return "no row has a number"
