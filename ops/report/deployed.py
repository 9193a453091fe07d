"""What is deployed in QuickSight: dashboards and data sets, read from its API into values with types.

The definition of a dashboard says everything. What the report cannot draw it refuses by name, with the place in the
definition, so that no page shows something else than the dashboard.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Json = Mapping[str, Any]
_KPI: Final = "KPIVisual"
# By the kind of a visual: the field wells, and which of their lists hold groups and which hold numbers.
_WELLS: Final[Mapping[str, tuple[str, tuple[str, ...], str]]] = {
    "LineChartVisual": ("LineChartAggregatedFieldWells", ("Category",), "Values"),
    "BarChartVisual": ("BarChartAggregatedFieldWells", ("Category",), "Values"),
    "HeatMapVisual": ("HeatMapAggregatedFieldWells", ("Rows", "Columns"), "Values"),
    "TableVisual": ("TableAggregatedFieldWells", ("GroupBy",), "Values"),
}
INSIGHT: Final = "InsightVisual"
_COMPUTATIONS: Final = ("PeriodOverPeriod", "Forecast")
_UNAGGREGATED: Final = "TableUnaggregatedFieldWells"


class NotDrawnError(ValueError):
    """Something in a definition that the report does not know; the message says where and what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A group or a number of a visual.

    Attributes:
        id: names the field in the visual.
        column: of the data set, or a calculated field.
        label: what people read.
        granularity: of a time, such as `WEEK`; else None.
        is_ordered: whether it groups by numbers, which stand in their order.
        format: `share`, `decimals` or `whole` for a number; else empty.
    """

    id: str
    column: str
    label: str
    granularity: str | None = None
    format: str = ""
    is_ordered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What a click on a mark does: it opens an address with the mark's value in it."""

    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How a line goes on: so many periods ahead, from all but the newest `back`, with an interval in percent."""

    ahead: int
    back: int
    interval: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedVisual:
    """A visual, with all that is needed to ask for its numbers and to draw it.

    Attributes:
        groups: by what its numbers are divided; for a table of rows, its columns.
        values: its numbers; none for a table of rows.
        width: in columns of the grid, of 36.
        filters: the parameters that it obeys, by the column that each chooses from.
        sheet: name of the sheet that it is on.
    """

    id: str
    kind: str
    title: str
    about: str
    data_set: str
    groups: tuple[Field, ...]
    values: tuple[Field, ...]
    width: int
    filters: Mapping[str, str]
    sheet: str
    actions: tuple[Action, ...] = ()
    forecast: Forecast | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedParameter:
    """A choice of the reader. Attributes: `default` is None where all is shown at first; `source` gives the values."""

    name: str
    title: str
    default: str | None
    source: tuple[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedDashboard:
    """A dashboard.

    Attributes:
        queries: the query of each data set, by the name that the visuals give it.
        calculated: the expressions of calculated fields, by data set and name.
    """

    id: str
    name: str
    about: str
    parameters: tuple[DeployedParameter, ...]
    visuals: tuple[DeployedVisual, ...]
    queries: Mapping[str, str]
    calculated: Mapping[tuple[str, str], str]


def read(quicksight: Any, account: str, dashboard_id: str) -> DeployedDashboard:
    """Read a deployed dashboard and its data sets.

    Args:
        quicksight: a client.
        account: the account's number.
        dashboard_id: of the dashboard.

    Raises:
        NotDrawnError: the definition has something that the report does not know.
    """
    answer = quicksight.describe_dashboard_definition(AwsAccountId=account, DashboardId=dashboard_id)
    stated = answer["Definition"]
    if (start := stated.get("Options", {}).get("WeekStart")) != "MONDAY":
        raise NotDrawnError(f"{dashboard_id}: Options.WeekStart is {start}; Athena's weeks begin on MONDAY")
    first = stated["Sheets"][0]
    return DeployedDashboard(
        id=dashboard_id,
        name=str(first["Title"]),
        about=str(first.get("Description", "")),
        parameters=tuple(_parameters(stated)),
        visuals=tuple(visual for sheet in stated["Sheets"] for visual in _visuals(stated, sheet)),
        queries={
            one["Identifier"]: _query(quicksight, account, one["DataSetArn"])
            for one in stated["DataSetIdentifierDeclarations"]
        },
        calculated={
            (one["DataSetIdentifier"], one["Name"]): one["Expression"] for one in stated.get("CalculatedFields", ())
        },
    )


def _visuals(stated: Json, sheet: Json) -> Iterator[DeployedVisual]:
    filters = _filters(stated, sheet["SheetId"])
    widths = {
        element["ElementId"]: int(element["ColumnSpan"])
        for layout in sheet["Layouts"]
        for element in layout["Configuration"]["GridLayout"]["Elements"]
    }
    for one in sheet["Visuals"]:
        yield _visual(one, str(sheet["Name"]), filters, widths)


def _query(quicksight: Any, account: str, arn: str) -> str:
    data_set_id = arn.rpartition("/")[2]
    data_set = quicksight.describe_data_set(AwsAccountId=account, DataSetId=data_set_id)["DataSet"]
    tables = list(data_set["PhysicalTableMap"].values())
    if len(tables) != 1 or "CustomSql" not in tables[0]:
        raise NotDrawnError(f"{data_set_id}: PhysicalTableMap is not one query (CustomSql)")
    return str(tables[0]["CustomSql"]["SqlQuery"])


# ---- choices


def _parameters(stated: Json) -> Iterator[DeployedParameter]:
    controls: dict[str, Json] = {}
    for sheet in stated["Sheets"]:
        for one in sheet.get("ParameterControls", ()):
            [(_, control)] = one.items()
            controls.setdefault(control["SourceParameterName"], control)
    for one in stated.get("ParameterDeclarations", ()):
        [(kind, declared)] = one.items()
        if kind != "StringParameterDeclaration" or declared["ParameterValueType"] != "SINGLE_VALUED":
            raise NotDrawnError(f"ParameterDeclarations.{declared['Name']}: only one text at a time can be chosen")
        control = controls.get(declared["Name"], {})
        linked = control.get("SelectableValues", {}).get("LinkToDataSetColumn")
        defaults = declared.get("DefaultValues", {}).get("StaticValues") or [None]
        yield DeployedParameter(
            name=declared["Name"],
            title=str(control.get("Title", declared["Name"])),
            default=defaults[0],
            source=(linked["DataSetIdentifier"], linked["ColumnName"]) if linked else None,
        )


def _filters(stated: Json, sheet: str) -> Mapping[str, Mapping[str, str]]:
    """Return for each visual the parameters that it obeys, by the column that each chooses from."""
    found: dict[str, dict[str, str]] = {}
    for group in stated.get("FilterGroups", ()):
        place = f"FilterGroups.{group['FilterGroupId']}"
        scopes = group["ScopeConfiguration"].get("SelectedSheets", {}).get("SheetVisualScopingConfigurations")
        if scopes is None or group.get("Status") != "ENABLED":
            raise NotDrawnError(f"{place}: only a filter of chosen visuals, which is on, can be drawn")
        for one in group["Filters"]:
            chosen = one.get("CategoryFilter", {}).get("Configuration", {}).get("CustomFilterConfiguration", {})
            if chosen.get("MatchOperator") != "EQUALS" or "ParameterName" not in chosen:
                raise NotDrawnError(f"{place}: only a choice by a parameter (EQUALS) can be drawn")
            for scope in scopes:
                for visual in scope["VisualIds"] if scope["SheetId"] == sheet else ():
                    column = one["CategoryFilter"]["Column"]["ColumnName"]
                    found.setdefault(visual, {})[column] = chosen["ParameterName"]
    return found


# ---- visuals


def _visual(
    one: Json, sheet: str, filters: Mapping[str, Mapping[str, str]], widths: Mapping[str, int]
) -> DeployedVisual:
    [(kind, stated)] = one.items()
    visual_id = stated["VisualId"]
    configuration = stated["InsightConfiguration"] if kind == INSIGHT else stated["ChartConfiguration"]
    labels = dict(_labels(configuration))
    if kind == INSIGHT:
        groups, values = _computed(configuration, visual_id)
    else:
        groups, values = _fields(kind, configuration["FieldWells"], labels, visual_id)
    data_sets = {data_set for data_set, _ in (*groups, *values)}
    if len(data_sets) != 1:
        raise NotDrawnError(f"{visual_id}: its fields are of {len(data_sets)} data sets")
    return DeployedVisual(
        id=visual_id,
        kind=kind,
        title=stated["Title"]["FormatText"]["PlainText"],
        about=stated.get("VisualContentAltText", ""),
        data_set=data_sets.pop(),
        groups=tuple(field for _, field in groups),
        values=tuple(field for _, field in values),
        width=widths[visual_id],
        filters=filters.get(visual_id, {}),
        sheet=sheet,
        actions=tuple(_actions(stated)),
        forecast=_forecast(configuration),
    )


_Fields = list[tuple[str, Field]]


def _fields(kind: str, wells: Json, labels: Mapping[str, str], visual_id: str) -> tuple[_Fields, _Fields]:
    """Return the groups and the numbers of a visual, each with its data set."""
    if kind == _KPI:
        return [], [_field(one, labels) for one in wells["Values"]]
    if _UNAGGREGATED in wells:
        rows = [_reference(one, labels) for one in wells[_UNAGGREGATED]["Values"]]
        return rows, []
    if kind not in _WELLS:
        raise NotDrawnError(f"{visual_id}: a {kind} is not drawn; the report knows {', '.join([_KPI, *_WELLS])}")
    name, places, numbers = _WELLS[kind]
    well = wells[name]
    if extra := [key for key, fields in well.items() if fields and key not in {*places, numbers}]:
        raise NotDrawnError(f"{visual_id}: {extra[0]} of a {kind} is not drawn")
    groups = [_field(one, labels) for place in places for one in well.get(place, ())]
    return groups, [_field(one, labels) for one in well[numbers]]


def _computed(configuration: Json, visual_id: str) -> tuple[_Fields, _Fields]:
    """Return the time and the number of an insight, each with its data set; all its computations are of the same."""
    found: list[tuple[tuple[str, Field], tuple[str, Field]]] = []
    for one in configuration["Computations"]:
        [(kind, stated)] = one.items()
        if kind not in _COMPUTATIONS:
            raise NotDrawnError(f"{visual_id}: {kind} is not computed; the report knows {', '.join(_COMPUTATIONS)}")
        found.append((_field(stated["Time"], {}), _field(stated["Value"], {})))
    if len(set(found)) != 1:
        raise NotDrawnError(f"{visual_id}: its computations are of different fields")
    time, value = found[0]
    return [time], [value]


def _field(one: Json, labels: Mapping[str, str]) -> tuple[str, Field]:
    [(kind, stated)] = one.items()
    if kind == "NumericalMeasureField" and "AggregationFunction" in stated:
        raise NotDrawnError(f"{stated['FieldId']}: AggregationFunction; write the aggregation as a calculated field")
    return _reference(stated, labels, is_ordered=kind == "NumericalDimensionField")


def _reference(stated: Json, labels: Mapping[str, str], *, is_ordered: bool = False) -> tuple[str, Field]:
    column = stated["Column"]["ColumnName"]
    field = Field(
        id=stated["FieldId"],
        column=column,
        label=labels.get(stated["FieldId"], column.removeprefix("metric_").replace("_", " ")),
        granularity=stated.get("DateGranularity"),
        format=_format(stated.get("FormatConfiguration", {}).get("FormatConfiguration", {})),
        is_ordered=is_ordered,
    )
    return stated["Column"]["DataSetIdentifier"], field


def _format(stated: Json) -> str:
    if "PercentageDisplayFormatConfiguration" in stated:
        return "share"
    number = stated.get("NumberDisplayFormatConfiguration")
    if number is None:
        return ""
    return "decimals" if number["DecimalPlacesConfiguration"]["DecimalPlaces"] else "whole"


def _labels(configuration: Json) -> Iterator[tuple[str, str]]:
    for options in configuration.values():
        if not isinstance(options, Mapping):
            continue
        for label in options.get("AxisLabelOptions", ()):
            yield label["ApplyTo"]["FieldId"], label["CustomLabel"]
        for option in options.get("SelectedFieldOptions", ()):
            yield option["FieldId"], option["CustomLabel"]


def _actions(stated: Json) -> Iterator[Action]:
    for action in stated.get("Actions", ()):
        operations: Sequence[Json] = action["ActionOperations"]
        for operation in operations:
            if "URLOperation" not in operation:
                raise NotDrawnError(f"{action['CustomActionId']}: only the opening of an address can be drawn")
            yield Action(title=action["Name"], url=operation["URLOperation"]["URLTemplate"])


def _forecast(configuration: Json) -> Forecast | None:
    charted = [one["ForecastProperties"] for one in configuration.get("ForecastConfigurations", ())]
    computed = [one["Forecast"] for one in configuration.get("Computations", ()) if "Forecast" in one]
    for stated in (*charted, *computed):
        return Forecast(
            ahead=int(stated["PeriodsForward"]),
            back=int(stated.get("PeriodsBackward", 0)),
            interval=int(stated.get("PredictionInterval", 90)),
        )
    return None
