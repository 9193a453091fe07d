"""What a deployed flow asks for and makes of records: its resolved properties, read once and in full.

What the stand-in does not do is refused by name, before anything is read.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Properties = Mapping[str, Any]
Record = Mapping[str, Any]

CUSTOM: Final = "CustomConnector"
GOOGLE: Final = "GoogleAnalytics4"
# The member of a task's operator, and of the source's properties, by connector; and the name of the object there.
OBJECTS: Final[Mapping[str, str]] = {
    "Salesforce": "Object", "SAPOData": "ObjectPath", "Marketo": "Object", CUSTOM: "EntityName",
}  # fmt: skip
KNOWN_TASKS: Final = ("Filter", "Map", "Mask")
RATE: Final = re.compile(r"rate\(\d+(minutes?|hours?|days?|weeks?|months?)\)")


class PlanError(ValueError):
    """A flow that AppFlow would refuse, or that the stand-in does not know; the message names the property."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition on a field; of several values one must hold."""

    field: str
    operator: str
    type: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A field and the name and type under which it is written."""

    field: str
    name: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """Characters of a field to hide: `MASK_ALL`, `MASK_FIRST_N` or `MASK_LAST_N`."""

    field: str
    operator: str
    length: int
    sign: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A flow.

    Attributes:
        name: of the flow.
        connector: of the source.
        profile: name of its connection.
        object: what is read.
        fields: of the projection.
        incremental: the field by which changes are found; None where each run reads all.
        first_from: epoch seconds from which the first run reads; None for AppFlow's thirty days.
        bucket: where records land.
        prefix: and below which folder.
        with_execution: whether the id of the run is a folder.
        key: the ARN of the flow's key.
    """

    name: str
    connector: str
    profile: str
    object: str
    fields: tuple[str, ...]
    conditions: tuple[Condition, ...]
    masks: tuple[Mask, ...]
    mapped: tuple[Mapped, ...]
    incremental: str | None
    first_from: float | None
    bucket: str
    prefix: str
    with_execution: bool
    key: str | None

    def records(self, read: Iterable[Record]) -> Iterator[dict[str, Any]]:
        """Yield what is written of what was read; a field without a value is left out."""
        for record in read:
            masked = {**record, **{one.field: _masked(record.get(one.field), one) for one in self.masks}}
            yield {one.name: _typed(masked[one.field], one) for one in self.mapped if masked.get(one.field) is not None}

    @classmethod
    def of(cls, flow: Properties) -> "Plan":
        """Read the resolved properties of a flow.

        Raises:
            PlanError: AppFlow would refuse it, or the stand-in does not know a part of it.
        """
        source, destination = flow["SourceFlowConfig"], _one(flow["DestinationFlowConfigList"], "destination")
        connector = str(source["ConnectorType"])
        if connector not in OBJECTS:
            raise PlanError(f"SourceFlowConfig.ConnectorType: the laptop twin does not read {connector}")
        if destination["ConnectorType"] != "S3":
            raise PlanError("DestinationFlowConfigList: the laptop twin writes to S3 alone")
        trigger = flow["TriggerConfig"]
        is_scheduled = trigger["TriggerType"] == "Scheduled"
        properties = trigger.get("TriggerProperties", {}) if is_scheduled else {}
        if trigger["TriggerType"] == "Event":
            raise PlanError("TriggerConfig.TriggerType: the laptop twin has no events of vendors")
        if is_scheduled and not RATE.fullmatch(str(properties.get("ScheduleExpression"))):
            raise PlanError(f"ScheduleExpression: {properties.get('ScheduleExpression')} is no rate")
        pull = source.get("IncrementalPullConfig", {}).get("DatetimeTypeFieldName")
        is_incremental = properties.get("DataPullMode") == "Incremental"
        target = destination["DestinationConnectorProperties"]["S3"]
        form = target.get("S3OutputFormatConfig", {})
        _check_output(form)
        fields, conditions, masks, mapped = _tasks(flow["Tasks"], connector)
        first = properties.get("FirstExecutionFrom")
        return cls(
            name=str(flow["FlowName"]),
            connector=connector,
            profile=str(source["ConnectorProfileName"]),
            object=str(source["SourceConnectorProperties"][connector][OBJECTS[connector]]),
            fields=fields,
            conditions=conditions,
            masks=masks,
            mapped=mapped,
            incremental=str(pull) if is_incremental and pull else None,
            first_from=float(first) if first is not None else None,
            bucket=str(target["BucketName"]),
            prefix=str(target.get("BucketPrefix", "")),
            with_execution="EXECUTION_ID" in form.get("PrefixConfig", {}).get("PathPrefixHierarchy", ()),
            key=flow.get("KMSArn"),
        )


def _one(found: Sequence[Properties], what: str) -> Properties:
    if len(found) != 1:
        raise PlanError(f"AppFlow takes exactly one {what}")
    return found[0]


def _check_output(form: Properties) -> None:
    if form.get("FileType", "JSON") != "JSON":
        raise PlanError(f"FileType: the laptop twin writes JSON, and not {form['FileType']}")
    prefix = form.get("PrefixConfig", {})
    if "PrefixType" in prefix or "SCHEMA_VERSION" in prefix.get("PathPrefixHierarchy", ()):
        raise PlanError("PrefixConfig: the laptop twin knows EXECUTION_ID alone")


def _tasks(
    tasks: Sequence[Properties], connector: str
) -> tuple[tuple[str, ...], tuple[Condition, ...], tuple[Mask, ...], tuple[Mapped, ...]]:
    fields: tuple[str, ...] = ()
    conditions: list[Condition] = []
    masks: list[Mask] = []
    mapped: list[Mapped] = []
    for task in tasks:
        kind = str(task["TaskType"])
        if kind not in KNOWN_TASKS:
            raise PlanError(f"Tasks: the laptop twin does not know {kind}")
        operator = str(task.get("ConnectorOperator", {}).get(connector, ""))
        said = {str(one["Key"]): str(one["Value"]) for one in task.get("TaskProperties", ())}
        sources = tuple(str(name) for name in task["SourceFields"])
        if kind == "Filter" and operator == "PROJECTION":
            fields = sources
        elif kind == "Filter":
            values = (said["VALUE"],) if "VALUE" in said else tuple(said.get("VALUES", "").split(","))
            conditions.append(Condition(field=sources[0], operator=operator, type=said["DATA_TYPE"], values=values))
        elif kind == "Mask":
            length = int(said["MASK_LENGTH"])
            masks.append(Mask(field=sources[0], operator=operator, length=length, sign=said["MASK_VALUE"]))
        else:
            kept = said.get("DESTINATION_DATA_TYPE", "string")
            mapped.append(Mapped(field=sources[0], name=str(task["DestinationField"]), type=kept))
    if not fields:
        raise PlanError("Task Validation Error: You must specify a projection task or a MAP_ALL task")
    named = {*(c.field for c in conditions), *(m.field for m in masks), *(m.field for m in mapped)}
    unread = named - set(fields)
    if unread:
        raise PlanError(f"Tasks: the projection does not name {', '.join(sorted(unread))}")
    return fields, tuple(conditions), tuple(masks), tuple(mapped)


def _masked(value: Any, mask: Mask) -> Any:
    if not isinstance(value, str):
        return value
    if mask.operator == "MASK_ALL":
        return mask.sign * mask.length
    hidden = min(mask.length, len(value))
    if mask.operator == "MASK_FIRST_N":
        return mask.sign * hidden + value[hidden:]
    if mask.operator == "MASK_LAST_N":
        return value[: len(value) - hidden] + mask.sign * hidden
    raise PlanError(f"Tasks: {mask.operator} is no mask")


def _typed(value: Any, mapped: Mapped) -> Any:
    """Return a value as JSON has it: vendors that send texts say `true` and numbers in them."""
    if not isinstance(value, str):
        return value
    if mapped.type == "boolean":
        return {"true": True, "false": False}.get(value.lower(), value)
    if mapped.type in {"integer", "long"} and re.fullmatch(r"-?\d+", value):
        return int(value)
    return value
