"""The page that a demonstration leaves behind: one file, no scripts, no network."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import altair as alt
import jinja2
import vl_convert
from markupsafe import Markup

from twin.scenario.result import DemoResult

TEMPLATE: Final = "page.html.j2"
WIDTH: Final = 520
HEIGHT: Final = 240
INK: Final = "#1f2a44"
ACCENT: Final = "#2f6fdb"
FONT: Final = "system-ui, sans-serif"
MONTHS_SHOWN: Final = 14


def write(result: DemoResult, path: Path) -> Path:
    """Write the page and return its path."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("twin.scenario", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["pretty"] = pretty
    page = environment.get_template(TEMPLATE).render(
        result=result,
        charts={
            "segments": segments_chart(result),
            "spend": spend_chart(result),
            "rfm": rfm_chart(result),
            "times": times_chart(result),
        },
        p50=result.latency_quantile(0.50),
        p95=result.latency_quantile(0.95),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def segments_chart(result: DemoResult) -> Markup:
    """Members of each segment."""
    rows = [{"segment": name, "customers": members} for name, members in result.analysis.segments]
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(color=ACCENT)
        .encode(
            x=alt.X("customers:Q", title="customers"),
            y=alt.Y("segment:N", sort="-x", title=None),
        )
    )
    return _svg(chart, f"Members of {len(rows)} segments")


def spend_chart(result: DemoResult) -> Markup:
    """Spend by segment and month."""
    months = sorted({month for month, _, _ in result.analysis.spend})[-MONTHS_SHOWN:]
    rows = [
        {"month": month, "segment": segment, "spend": float(spend)}
        for month, segment, spend in result.analysis.spend
        if month in months
    ]
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(point=True)
        .encode(
            x=alt.X("month:O", title=None, axis=alt.Axis(labelAngle=-45)),
            y=alt.Y("spend:Q", title="spend (USD)"),
            color=alt.Color("segment:N", title=None),
        )
    )
    return _svg(chart, "Spend by segment and month")


def rfm_chart(result: DemoResult) -> Markup:
    """Customers by quintile of recency and frequency."""
    rows = [{"recency": r, "frequency": f, "customers": n} for r, f, n in result.analysis.rfm]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("frequency:O", title="frequency quintile (5 = most orders)", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("recency:O", sort="descending", title="recency quintile (5 = latest)"),
    )
    heat = base.mark_rect().encode(color=alt.Color("customers:Q", scale=alt.Scale(scheme="blues"), title="customers"))
    cells = (heat + base.mark_text(fontSize=11).encode(text="customers:Q")).properties(height=HEIGHT)
    return _svg(cells, "Recency and frequency")


def times_chart(result: DemoResult) -> Markup:
    """How long each step of the demonstration took."""
    order = [name for name, _ in result.times]
    rows = [{"step": name, "seconds": round(seconds, 1)} for name, seconds in result.times]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("seconds:Q", title="seconds"), y=alt.Y("step:N", sort=order, title=None)
    )
    labels = base.mark_text(align="left", dx=4).encode(text="seconds:Q")
    return _svg(base.mark_bar(color=ACCENT) + labels, "Seconds for each step")


def _svg(chart: Any, title: str) -> Markup:
    """Draw a chart as an SVG element that a screen reader can announce."""
    styled = (
        chart.properties(width=WIDTH, title=title)
        .configure(font=FONT, background="transparent")
        .configure_view(stroke=None)
        .configure_title(anchor="start", color=INK, fontSize=14)
        .configure_axis(labelLimit=260)
    )
    svg = vl_convert.vegalite_to_svg(json.dumps(styled.to_dict()))
    return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1))  # noqa: S704  # drawn from numbers


def pretty(value: Mapping[str, Any] | Iterable[Any]) -> str:
    """Return JSON that a person can read."""
    return json.dumps(value, indent=2, default=str, ensure_ascii=False)
