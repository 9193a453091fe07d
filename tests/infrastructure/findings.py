"""What the packs of cdk-nag reported of a synthesis, and what was acknowledged in it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacks.constructs.nag import Pack

Report = dict[str, Any]
_OF_CDK = "info-annotation"  # a remark of CDK itself, which a plugin's report repeats


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """A finding that was acknowledged: of a pack's rule, on a construct, for a reason."""

    pack: str
    rule: str
    construct: str
    reason: str


def read_report(folder: Path) -> Report:
    """Return the report of the synthesis that wrote into a folder."""
    return json.loads((folder / "validation-report.json").read_text(encoding="utf-8"))


def open_findings(report: Report) -> list[str]:
    """Return every finding that nobody acknowledged, of all packs."""
    return [
        f"{violation['ruleName']} {construct['constructPath']}"
        for pack in report["pluginReports"]
        for violation in pack["violations"]
        if violation["ruleName"] != _OF_CDK
        for construct in violation["violatingConstructs"]
    ]


def accepted_findings(report: Report) -> Iterator[Finding]:
    """Yield every acknowledged finding, of all packs."""
    for pack in report["pluginReports"]:
        name = pack["pluginName"]
        for violation in pack.get("suppressedViolations", ()):
            for construct in violation["violatingConstructs"]:
                yield Finding(
                    pack=name,
                    rule=violation["ruleName"].removeprefix(f"{name}-"),
                    construct=construct["constructPath"],
                    reason=violation["reason"],
                )


def unused_acknowledgements(folder: Path, report: Report) -> set[tuple[str, str]]:
    """Return the construct and the id of every acknowledgement that matches no finding."""
    used = {
        (violation["acknowledgedAt"], violation["acknowledgedId"])
        for pack in report["pluginReports"]
        for violation in pack.get("suppressedViolations", ())
    }
    acknowledged = {(construct, id_) for construct, ids in _metadata(folder, "acknowledged-rules") for id_ in ids}
    return {(construct, id_) for construct, id_ in acknowledged - used if id_.partition("::")[0] in list(Pack)}


def constructs(folder: Path) -> dict[str, str]:
    """Return the paths of the constructs by the logical ids of their resources."""
    return {logical_id: construct for construct, logical_id in _metadata(folder, "logicalId")}


def _metadata(folder: Path, kind: str) -> Iterator[tuple[str, Any]]:
    for path in sorted(folder.glob("*.metadata.json")):
        for construct, entries in json.loads(path.read_text(encoding="utf-8")).items():
            for entry in entries:
                if entry["type"] == f"aws:cdk:{kind}":
                    yield construct.lstrip("/"), entry["data"]
