"""Charts of visuals, as Vega-Lite; the page puts the rows of the reader's choice in."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import altair as alt

from ops.report.deployed import DeployedVisual, Field

ROWS: Final = "rows"
_HEIGHT: Final = 240
_FORMATS: Final[Mapping[str, str]] = {"share": ".1%", "decimals": ",.2f", "whole": ",d", "": ""}
_ACCENT: Final = "#2F6FDB"
_AHEAD: Final = "#D97706"
_ODD: Final = "#BE123C"

Spec = dict[str, Any]


def spec(visual: DeployedVisual) -> Spec | None:
    """Return the chart of a visual; none for a number and for a table, which are text."""
    draw = _CHARTS.get(visual.kind)
    if draw is None:
        return None
    chart = draw(visual).properties(width="container", height=_HEIGHT)
    made: Spec = chart.to_dict()
    return made


def _data() -> alt.NamedData:
    return alt.NamedData(name=ROWS)


def _axis(field: Field) -> alt.Axis:
    if field.format == "whole":
        return alt.Axis(format=_FORMATS[field.format], tickMinStep=1)
    return alt.Axis(format=_FORMATS[field.format]) if field.format else alt.Axis()


def _legend(field: Field) -> alt.Legend:
    return alt.Legend(format=_FORMATS[field.format]) if field.format else alt.Legend()


def _tips(visual: DeployedVisual, *, of_times: bool = False) -> list[alt.Tooltip]:
    """Return what is said of a mark. Days are texts, unless the axis makes times of them."""
    kind = "T" if of_times else "N"
    groups = [alt.Tooltip(f"{one.id}:{kind}", title=one.label) for one in visual.groups]
    values = [alt.Tooltip(f"{one.id}:Q", title=one.label, format=_FORMATS[one.format]) for one in visual.values]
    return [*groups, *values]


def _line(visual: DeployedVisual) -> Any:
    [time], [value] = visual.groups, visual.values
    x = alt.X(f"{time.id}:T", title=None)
    y = alt.Y(f"{value.id}:Q", title=value.label, axis=_axis(value))
    base = alt.Chart(_data()).encode(x=x)
    actual = base.mark_line(point=True, color=_ACCENT).encode(y=y, tooltip=_tips(visual, of_times=True))
    if visual.forecast is None:
        return actual
    band = base.mark_area(opacity=0.2, color=_AHEAD).encode(y="low:Q", y2="high:Q")
    ahead = base.mark_line(strokeDash=[5, 4], color=_AHEAD).encode(y="ahead:Q")
    odd = base.transform_filter("datum.unexpected").mark_point(size=140, strokeWidth=2, color=_ODD).encode(y=y)
    return band + actual + ahead + odd


def _bar(visual: DeployedVisual) -> Any:
    if len(visual.values) > 1:
        return _bars(visual)
    [group], [value] = visual.groups, visual.values
    return (
        alt.Chart(_data())
        .mark_bar(color=_ACCENT, cursor="pointer" if visual.actions else "default")
        .encode(
            x=alt.X(f"{value.id}:Q", title=value.label, axis=_axis(value)),
            y=alt.Y(f"{group.id}:N", sort="-x", title=None),
            tooltip=_tips(visual),
        )
    )


def _bars(visual: DeployedVisual) -> Any:
    """Several numbers side by side: of periods from left to right, of anything else from top to bottom."""
    [group] = visual.groups
    names = {field.id: field.label for field in visual.values}
    labels = list(names.values())
    chart = (
        alt.Chart(_data())
        .transform_fold(list(names), as_=["field", "number"])
        .transform_calculate(what=f"{json.dumps(names)}[datum.field]")
        .mark_bar(cursor="pointer" if visual.actions else "default")
    )
    legend = alt.Legend(orient="top", columns=1, labelLimit=240)
    color = alt.Color("what:N", title=None, sort=labels, scale=alt.Scale(domain=labels), legend=legend)
    axis = _axis(visual.values[0])
    if group.granularity is not None:
        return chart.encode(
            x=alt.X(f"{group.id}:O", title=None),
            xOffset=alt.XOffset("what:N", sort=labels),
            y=alt.Y("number:Q", title=None, axis=axis),
            color=color,
            tooltip=_tips(visual),
        )
    return chart.encode(
        y=alt.Y(f"{group.id}:N", title=None),
        yOffset=alt.YOffset("what:N", sort=labels),
        x=alt.X("number:Q", title=None, axis=axis),
        color=color,
        tooltip=_tips(visual),
    )


def _heat(visual: DeployedVisual) -> Any:
    [down, across], [value] = visual.groups, visual.values
    base = alt.Chart(_data()).encode(
        x=alt.X(f"{across.id}:O", title=across.label, axis=alt.Axis(labelAngle=0)),
        # The newest cohort is the last one; of scores, the best is at the top.
        y=alt.Y(f"{down.id}:O", title=down.label, sort="ascending" if down.granularity else "descending"),
        tooltip=_tips(visual),
    )
    shade = alt.Color(f"{value.id}:Q", title=value.label, scale=alt.Scale(scheme="blues"), legend=_legend(value))
    cells = base.mark_rect().encode(color=shade)
    # White on the darker half, black on the other.
    half = f"datum['{value.id}'] > (datum.smallest + datum.largest) / 2"
    ends = base.transform_joinaggregate(smallest=f"min({value.id})", largest=f"max({value.id})")
    ink = alt.condition(half, alt.value("white"), alt.value("black"))
    number = alt.Text(f"{value.id}:Q", format=_FORMATS[value.format])
    text = ends.mark_text().encode(text=number, color=ink)
    return cells + text


_CHARTS: Final[Mapping[str, Callable[[DeployedVisual], Any]]] = {
    "LineChartVisual": _line,
    "BarChartVisual": _bar,
    "HeatMapVisual": _heat,
}
