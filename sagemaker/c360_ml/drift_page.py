"""The report of drift as one page without scripts, which needs no network."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; font-weight: 600; padding: 1rem 0 .25rem; }
th, td { border-bottom: 1px solid #8886; padding: .25rem .5rem; text-align: right; }
th:first-child, td:first-child { text-align: left; }
.steady { color: #1a7f37; } .warning { color: #9a6700; } .alarm { color: #cf222e; font-weight: 600; }
.bar { background: #8883; height: .6rem; min-width: 6rem; }
.bar span { background: currentColor; display: block; height: 100%; }
"""
_HEADS: Final = ("column", "verdict", "index", "", "distance", "chance", "mean before", "now", "missing before", "now")


def page(found: Mapping[str, Any]) -> str:
    """Return the page of a report."""
    title = f"Drift of the model of {found['target']} at {found['cut']}"
    parts = (
        f"<h1>{escape(title)}</h1>",
        f"<p>Verdict: {_verdict(found['verdict'])}. {_compared(found)}</p>",
        _list(found["reasons"]),
        _table("Scores", [found["score"]], found),
        _label(found["label"]),
        _table("Features", found["features"], found),
        _explained(found["thresholds"]),
    )
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _compared(found: Mapping[str, Any]) -> str:
    return escape(f"{found['people']} people of now are compared with those of {found['before']}.")


def _list(reasons: Sequence[str]) -> str:
    if not reasons:
        return "<p>Nothing has moved further than the thresholds allow.</p>"
    return "<ul>" + "".join(f"<li>{escape(reason)}</li>" for reason in reasons) + "</ul>"


def _table(caption: str, moved: Sequence[Mapping[str, Any]], found: Mapping[str, Any]) -> str:
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in _HEADS)
    alarm = found["thresholds"]["psi_alarm"]
    lines = "".join(_row(one, alarm) for one in moved)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>"


def _row(one: Mapping[str, Any], alarm: float) -> str:
    width = 100 * min(one["psi"] / alarm, 1.0) if alarm > 0 else 100.0
    cells = (
        escape(one["column"]),
        _verdict(one["verdict"]),
        _number(one["psi"]),
        f'<div class="bar {escape(one["verdict"])}"><span style="width:{width:.0f}%"></span></div>',
        _number(one["ks"]),
        _number(one["ks_p"]),
        _number(one["mean_before"]),
        _number(one["mean_now"]),
        f"{one['missing_before']:.1%}",
        f"{one['missing_now']:.1%}",
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _label(label: Mapping[str, Any] | None) -> str:
    if label is None:
        return "<p>No newer outcomes are known.</p>"
    before, now, foretold = (_number(label[name]) for name in ("before", "now", "foretold"))
    return f"<p>Outcomes: {before} before, {now} now, {foretold} foretold: {_verdict(label['verdict'])}.</p>"


def _explained(limits: Mapping[str, float]) -> str:
    text = (
        "Amounts are in units of what is typical in their currency. The index is the population stability index over "
        f"tenths of the earlier people: {limits['psi_warning']:g} warns, {limits['psi_alarm']:g} alarms. The distance "
        f"is that of Kolmogorov and Smirnov; it warns from {limits['ks_least']:g} on, if chance makes it in fewer than "
        f"{limits['ks_p']:.1%} of samples. Outcomes alarm from {limits['label']:g} on."
    )
    return f"<p>{escape(text)}</p>"


def _verdict(verdict: str) -> str:
    return f'<strong class="{escape(verdict)}">{escape(verdict)}</strong>'


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
