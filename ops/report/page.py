"""A dashboard as one page: no network, and choices, links and tables work without it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import jinja2
import vl_convert

from ops.report import charts
from ops.report.deployed import INSIGHT, DeployedDashboard, DeployedVisual, Field
from ops.report.forecast import Outlook, outlook

TEMPLATE: Final = "page.html.j2"
_DAYS: Final = {"DAY": 1, "WEEK": 7}

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A dashboard with the answers to its questions.

    Attributes:
        rows: of each visual, by its id; numbers are texts, as Athena gives them.
        choices: the values of each parameter.
    """

    dashboard: DeployedDashboard
    rows: Mapping[str, Sequence[Row]]
    choices: Mapping[str, Sequence[str]]


def page(answered: Answered, pages: Mapping[str, str]) -> str:
    """Return the page of a dashboard.

    Args:
        answered: the dashboard.
        pages: the name of each dashboard's page by the dashboard's id, to which links lead.
    """
    folder = Path(__file__).parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), autoescape=True, undefined=jinja2.StrictUndefined
    )
    dashboard = answered.dashboard
    data = {
        "parameters": [
            {"name": one.name, "default": one.default, "values": list(answered.choices.get(one.name, ()))}
            for one in dashboard.parameters
        ],
        "visuals": [_visual(one, answered, pages) for one in dashboard.visuals],
    }
    return environment.get_template(TEMPLATE).render(
        dashboard=dashboard,
        pages=pages,
        sheets=_sheets(data["visuals"]),
        data=_script(data),
        vega=vl_convert.javascript_bundle(),  # type: ignore[call-arg]  # its stubs ask for what is optional
        script=(folder / "page.js").read_text(encoding="utf-8"),
        style=(folder / "page.css").read_text(encoding="utf-8"),
    )


def _sheets(visuals: Sequence[Mapping[str, Any]]) -> Mapping[str, list[Mapping[str, Any]]]:
    names = dict.fromkeys(visual["sheet"] for visual in visuals)
    return {name: [one for one in visuals if one["sheet"] == name] for name in names}


def _script(data: Mapping[str, Any]) -> str:
    """Return JSON that ends no script, whatever texts are in it."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _visual(visual: DeployedVisual, answered: Answered, pages: Mapping[str, str]) -> dict[str, Any]:
    rows = [dict(row) for row in answered.rows[visual.id]]
    said = list(_foresee(visual, rows)) if visual.forecast is not None else []
    return {
        "id": visual.id,
        "kind": visual.kind,
        "title": visual.title,
        "sheet": visual.sheet,
        "about": visual.about,
        "of": visual.data_set.replace("_", " "),
        "width": visual.width,
        "fields": [
            {
                "id": one.id,
                "label": one.label,
                "format": one.format,
                "number": one in visual.values,
                "ordered": one.is_ordered,
                "quotient": _is_quotient(visual, one, answered.dashboard),
            }
            for one in (*visual.groups, *visual.values)
        ],
        "filters": [
            {"column": _choice_column(visual, column), "parameter": parameter}
            for column, parameter in visual.filters.items()
        ],
        "rows": rows,
        "said": said,
        "spec": charts.spec(visual),
        "links": [{"title": one.title, "url": _local(one.url, visual, pages)} for one in visual.actions],
    }


def _is_quotient(visual: DeployedVisual, field: Field, dashboard: DeployedDashboard) -> bool:
    """Say whether a number is one divided by another, which may be nothing."""
    return "nullif(" in dashboard.calculated.get((visual.data_set, field.column), "").lower()


def _choice_column(visual: DeployedVisual, column: str) -> str:
    """Return where a row says the value that a choice picks: in a field of the visual, or beside its fields."""
    return next((one.id for one in visual.groups if one.column == column), f"choice_{column}")


def _local(url: str, visual: DeployedVisual, pages: Mapping[str, str]) -> str:
    """Return the address of a page in place of that of a dashboard; fields in it by their ids in the rows."""
    address, _, choice = url.partition("#")
    for field in visual.groups:
        choice = choice.replace(f"<<{field.column}>>", f"<<{field.id}>>")
    return f"{pages[address.rpartition('/')[2]]}#{choice}"


# ---- forecasts


def _foresee(visual: DeployedVisual, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Add the periods ahead to the rows, mark what nobody expected, and yield what to say, for each choice."""
    [time], [value] = visual.groups, visual.values
    assert visual.forecast is not None  # noqa: S101  # asked for by the caller alone
    keys = [_choice_column(visual, column) for column in visual.filters]
    step = _DAYS.get(str(time.granularity))
    if step is None:
        return
    for chosen in sorted({tuple(str(row[key]) for key in keys) for row in rows}):
        own = [row for row in rows if tuple(str(row[key]) for key in keys) == chosen]
        choice = dict(zip(keys, chosen, strict=True))
        series = _without_gaps(own, time.id, value.id, step)
        whole = series[: len(series) - visual.forecast.back]
        found = outlook([each for _, each in whole], ahead=visual.forecast.ahead, interval=visual.forecast.interval)
        if found is None:
            yield {**choice, "text": f"No forecast: {len(whole)} periods are too few, or all alike."}
            continue
        odd = {whole[place][0].isoformat() for place in found.unexpected}
        for row in own:
            row["unexpected"] = row[time.id] in odd
        last = whole[-1][0]
        for number, one in enumerate(found.ahead, 1):
            day = (last + timedelta(days=step * number)).isoformat()
            rows.append({**choice, time.id: day, "ahead": one.value, "low": one.low, "high": one.high})
        if visual.kind == INSIGHT:
            yield {**choice, "text": _against_before(whole)}
            yield {**choice, "text": _as_a_whole(found, visual.forecast.interval)}
        yield {**choice, "text": _in_words(found, visual.forecast.interval)}


def _without_gaps(rows: Sequence[Row], time: str, value: str, step: int) -> list[tuple[date, float]]:
    """Return the series with 0 for each period in which nothing happened."""
    known = {date.fromisoformat(str(row[time])): float(row[value] or 0) for row in rows}
    first, last = min(known), max(known)
    count = (last - first).days // step + 1
    return [(day, known.get(day, 0.0)) for day in (first + timedelta(days=step * number) for number in range(count))]


def _against_before(series: Sequence[tuple[date, float]]) -> str:
    (_, before), (last, value) = series[-2:]
    change = f", {abs(value - before) / abs(before):.1%} {'more' if value >= before else 'less'}" if before else ""
    return f"The period of {last.isoformat()} had {value:,.2f}{change}; the one before had {before:,.2f}."


def _as_a_whole(found: Outlook, interval: int) -> str:
    total = sum(one.value for one in found.ahead)
    next_one = found.ahead[0]
    return (
        f"The next period may have {next_one.value:,.2f}, and with {interval} % between {next_one.low:,.2f} and "
        f"{next_one.high:,.2f}; the next {len(found.ahead)} together {total:,.2f}."
    )


def _in_words(found: Outlook, interval: int) -> str:
    count = len(found.unexpected)
    odd = f"{count} unexpected {'value is' if count == 1 else 'values are'} ringed. " if count else ""
    return (
        f"{odd}Forecast by exponential smoothing; the band holds {interval} % of the outcomes that it expects. On the "
        f"newest {found.held_out} periods, held out, it was wrong by {found.error:.1%} of their sum; the guess that "
        f"all are like the one before, by {found.naive_error:.1%}."
    )
