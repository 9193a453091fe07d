"""Definitions of dashboards, as QuickSight takes them, built from metrics and dimensions and from nothing else.

A visual names metrics and dimensions of one semantic model, which is its data set. So a field that the data set lacks
cannot be written down. What a number is called, computed and shown like follows from its metric.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from c360_metrics.definitions import Column, Dimension, Metric, Metrics, SemanticModel, Unit
from c360_metrics.expressions import quicksight

Json = dict[str, Any]
GRID_COLUMNS: Final = 36
INSIGHT: Final = "InsightVisual"
_HEADER_ROWS: Final = 2
_FORECAST_INTERVAL: Final = 90
_Known = TypeVar("_Known")


class DashboardError(ValueError):
    """A dashboard that would show a number without a meaning; the message names the visual and what it lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A choice that the reader makes.

    Attributes:
        name: letters and digits; a part of links.
        column: the column of each data set that the choice holds for.
        default: the value at first; None for all.
    """

    name: str
    title: str
    column: str
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A way from a mark of a visual to another dashboard, with a choice made there.

    Attributes:
        dashboard: id of the other dashboard.
        parameter: of the other dashboard, which gets the mark's value.
        column: of the visual's data set.
    """

    title: str
    dashboard: str
    parameter: str
    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Visual:
    """One visual of a sheet.

    Attributes:
        kind: the key of QuickSight's union, such as `BarChartVisual`.
        model: the semantic model whose data set it shows.
        configuration: its field wells and options.
        columns: of the data set that it uses.
        metrics: that it shows.
        width: in columns of the grid, of 36.
        height: in rows of the grid.
        sheet: name of the sheet that it is on; empty on a dashboard of one sheet.
    """

    id: str
    title: str
    kind: str
    model: SemanticModel
    configuration: Json
    columns: tuple[str, ...] = ()
    metrics: tuple[Metric, ...] = ()
    links: tuple[Link, ...] = ()
    width: int = 12
    height: int = 8
    about: str = ""
    sheet: str = ""

    def sized(self, width: int, height: int) -> "Visual":
        """Return the visual in another size."""
        return replace(self, width=width, height=height)


def on(sheet: str, *visuals: Visual) -> tuple[Visual, ...]:
    """Return the visuals on a sheet."""
    return tuple(replace(visual, sheet=sheet) for visual in visuals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """A dashboard of one sheet, or of several that its visuals name.

    Attributes:
        id: unique among the dashboards; a part of its address.
        name: what people read.
        about: whom it is for and what it answers.
    """

    id: str
    name: str
    about: str
    visuals: tuple[Visual, ...]
    parameters: tuple[Parameter, ...] = ()
    models: tuple[SemanticModel, ...] = field(init=False)

    def __post_init__(self) -> None:
        found = {visual.model.name: visual.model for visual in self.visuals}
        object.__setattr__(self, "models", tuple(found.values()))
        for visual in self.visuals:
            self._require_meaning(visual)

    @property
    def sheets(self) -> Mapping[str, tuple[Visual, ...]]:
        """The visuals of each sheet, by the sheet's name, in the order of the sheets."""
        names = dict.fromkeys(visual.sheet for visual in self.visuals)
        return {name: tuple(one for one in self.visuals if one.sheet == name) for name in names}

    def sheet_id(self, name: str) -> str:
        """Return the id of a sheet."""
        return f"{self.id}-{_slug(name)}" if name else self.id

    def _require_meaning(self, visual: Visual) -> None:
        chosen = {one.column for one in self.parameters if one.default is not None}
        for column in visual.model.not_across if visual.metrics else ():
            if column not in {*visual.columns, *chosen}:
                raise DashboardError(
                    f"{self.id}.{visual.id}: {visual.model.name} is not added up across {column}; "
                    "divide by it, or add a parameter on it with a default"
                )


# ---- what there is


class _Named(dict[str, _Known]):
    """What a dashboard may name. Args: `kind`, what the names are of; `known`, by name."""

    def __init__(self, kind: str, known: Mapping[str, _Known]) -> None:
        super().__init__(known)
        self._kind = kind

    def __missing__(self, name: str) -> _Known:
        near = get_close_matches(name, self, n=3) or sorted(self)
        raise DashboardError(f"there is no {self._kind} `{name}`; name one of the project, such as {', '.join(near)}")


def named(metrics: Metrics) -> Metrics:
    """Return the metrics such that a name which is not there is refused with a `DashboardError`."""
    return Metrics(
        models=_Named("semantic model", metrics.models),
        metrics=_Named("metric", metrics.metrics),
    )


# ---- fields


def column_of(model: SemanticModel, name: str) -> Json:
    """Return the reference to a column or a calculated field of a data set."""
    return {"DataSetIdentifier": model.name, "ColumnName": name}


def field_of(metric: Metric) -> str:
    """Return the name of the calculated field that is a metric; no column of a mart has such a name."""
    return f"metric_{metric.name}"


def _measure(metric: Metric) -> Json:
    return {
        "NumericalMeasureField": {
            "FieldId": field_of(metric),
            "Column": column_of(metric.model, field_of(metric)),
            "FormatConfiguration": {"FormatConfiguration": _format(metric.unit)},
        }
    }


def _format(unit: Unit) -> Json:
    def decimals(count: int) -> Json:
        return {"DecimalPlacesConfiguration": {"DecimalPlaces": count}}

    if unit is Unit.SHARE:
        return {"PercentageDisplayFormatConfiguration": decimals(1)}
    return {"NumberDisplayFormatConfiguration": decimals(0 if unit is Unit.COUNT else 2)}


def dimension(model: SemanticModel, name: str) -> Dimension:
    """Return a dimension of a semantic model by its name.

    Raises:
        DashboardError: the model has none of this name.
    """
    for one in model.dimensions:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in model.dimensions)
    raise DashboardError(f"{model.name} has no dimension `{name}`; it has {known}")


def _group(model: SemanticModel, by: Dimension, *, granularity: str | None = None) -> Json:
    field_id = f"by_{by.name}"
    reference = {"FieldId": field_id, "Column": column_of(model, by.column.name)}
    if by.granularity is not None:
        return {"DateDimensionField": {**reference, "DateGranularity": (granularity or by.granularity).upper()}}
    if by.column.kind.is_number:
        return {"NumericalDimensionField": reference}
    return {"CategoricalDimensionField": reference}


def _labels(pairs: Iterable[tuple[str, Json, str]]) -> Json:
    return {
        "AxisLabelOptions": [
            {"CustomLabel": label, "ApplyTo": {"FieldId": field_id, "Column": column}}
            for field_id, column, label in pairs
        ]
    }


def _label_of(metric: Metric) -> Json:
    return _labels([(field_of(metric), column_of(metric.model, field_of(metric)), metric.label)])


def _label_of_group(model: SemanticModel, by: Dimension) -> Json:
    return _labels([(f"by_{by.name}", column_of(model, by.column.name), by.description.rstrip("."))])


# ---- visuals


def kpi(metric: Metric) -> Visual:
    """One number."""
    return Visual(
        id=f"kpi-{_slug(metric.name)}",
        title=metric.label,
        kind="KPIVisual",
        model=metric.model,
        configuration={"FieldWells": {"Values": [_measure(metric)], "TargetValues": [], "TrendGroups": []}},
        metrics=(metric,),
        width=6,
        height=4,
        about=metric.description,
    )


def line(metric: Metric, *, over: str, granularity: str, forecast: int = 0) -> Visual:
    """A number over time.

    Args:
        over: the dimension that is a time.
        granularity: the periods, such as `week`.
        forecast: so many periods ahead, with an interval; 0 for none. The newest period is left out of it: it is not
            over, and would pull the forecast down.
    """
    time = dimension(metric.model, over)
    configuration: Json = {
        "FieldWells": {
            "LineChartAggregatedFieldWells": {
                "Category": [_group(metric.model, time, granularity=granularity)],
                "Values": [_measure(metric)],
                "Colors": [],
            }
        },
        "XAxisLabelOptions": _label_of_group(metric.model, time),
        "PrimaryYAxisLabelOptions": _label_of(metric),
    }
    if forecast:
        properties = {
            "PeriodsForward": forecast,
            "PeriodsBackward": 1,
            "PredictionInterval": _FORECAST_INTERVAL,
        }
        configuration["ForecastConfigurations"] = [{"ForecastProperties": properties}]
    ahead = f", and {forecast} more as they may become" if forecast else ""
    return Visual(
        id=f"line-{_slug(metric.name)}-by-{granularity}",
        title=f"{metric.label} by {granularity}",
        kind="LineChartVisual",
        model=metric.model,
        configuration=configuration,
        columns=(time.column.name,),
        metrics=(metric,),
        width=24,
        height=9,
        about=f"{metric.description} By {granularity}{ahead}.",
    )


def bar(metric: Metric, *, by: str, links: Sequence[Link] = ()) -> Visual:
    """A number for each value of a dimension, the largest first."""
    group = dimension(metric.model, by)
    configuration = {
        "FieldWells": {
            "BarChartAggregatedFieldWells": {
                "Category": [_group(metric.model, group)],
                "Values": [_measure(metric)],
                "Colors": [],
            }
        },
        "Orientation": "HORIZONTAL",
        "SortConfiguration": {
            "CategorySort": [{"FieldSort": {"FieldId": field_of(metric), "Direction": "DESC"}}],
        },
        "CategoryLabelOptions": _label_of_group(metric.model, group),
        "ValueLabelOptions": _label_of(metric),
    }
    return Visual(
        id=f"bar-{_slug(metric.name)}-by-{_slug(by)}",
        title=f"{metric.label} by {by.replace('_', ' ')}",
        kind="BarChartVisual",
        model=metric.model,
        configuration=configuration,
        columns=(group.column.name,),
        metrics=(metric,),
        links=tuple(links),
        about=metric.description,
    )


def bars(title: str, metrics: Sequence[Metric], *, by: str, granularity: str | None = None) -> Visual:
    """Several numbers of one semantic model side by side, for each value of a dimension or each period.

    Args:
        granularity: the periods where the dimension is a time; they stand in their order, anything else by its value.
    """
    model = _one_model(title, metrics)
    group = dimension(model, by)
    order = {"FieldId": f"by_{group.name}", "Direction": "ASC"}
    configuration = {
        "FieldWells": {
            "BarChartAggregatedFieldWells": {
                "Category": [_group(model, group, granularity=granularity)],
                "Values": [_measure(metric) for metric in metrics],
                "Colors": [],
            }
        },
        "Orientation": "HORIZONTAL" if group.granularity is None else "VERTICAL",
        "BarsArrangement": "CLUSTERED",
        "SortConfiguration": {"CategorySort": [{"FieldSort": order}]},
        "CategoryLabelOptions": _label_of_group(model, group),
        "ValueLabelOptions": _labels(
            (field_of(metric), column_of(model, field_of(metric)), metric.label) for metric in metrics
        ),
    }
    return Visual(
        id=f"bars-{_slug(title)}",
        title=title,
        kind="BarChartVisual",
        model=model,
        configuration=configuration,
        columns=(group.column.name,),
        metrics=tuple(metrics),
        width=18,
        height=9,
        about=" ".join(metric.description for metric in metrics),
    )


def _one_model(title: str, metrics: Sequence[Metric]) -> SemanticModel:
    models = {metric.model.name: metric.model for metric in metrics}
    if len(models) != 1:
        raise DashboardError(f"the visual {title} is of {len(models)} data sets: {', '.join(models)}; it has one")
    [model] = models.values()
    return model


def insight(metric: Metric, *, over: str, granularity: str, forecast: int) -> Visual:
    """What there is to say of a number in words: against the period before, and how it may go on.

    The newest period is not over, so the forecast leaves it out; see `line`.
    """
    time = dimension(metric.model, over)
    parts = {"Time": _group(metric.model, time, granularity=granularity), "Value": _measure(metric)}
    before = {"ComputationId": "against-before", "Name": "Against the period before", **parts}
    ahead = {
        "ComputationId": "ahead",
        "Name": "How it may go on",
        **parts,
        "PeriodsForward": forecast,
        "PeriodsBackward": 1,
        "PredictionInterval": _FORECAST_INTERVAL,
    }
    return Visual(
        id=f"insight-{_slug(metric.name)}-by-{granularity}",
        title=f"{metric.label}: what to know",
        kind=INSIGHT,
        model=metric.model,
        configuration={"Computations": [{"PeriodOverPeriod": before}, {"Forecast": ahead}]},
        columns=(time.column.name,),
        metrics=(metric,),
        width=12,
        height=6,
        about=f"{metric.description} By {granularity}, in words.",
    )


def heat(metric: Metric, *, rows: str, columns: str) -> Visual:
    """A number for each pair of values of two dimensions."""
    down, across = dimension(metric.model, rows), dimension(metric.model, columns)
    configuration = {
        "FieldWells": {
            "HeatMapAggregatedFieldWells": {
                "Rows": [_group(metric.model, down)],
                "Columns": [_group(metric.model, across)],
                "Values": [_measure(metric)],
            }
        },
        "RowLabelOptions": _label_of_group(metric.model, down),
        "ColumnLabelOptions": _label_of_group(metric.model, across),
    }
    return Visual(
        id=f"heat-{_slug(metric.name)}",
        title=metric.label,
        kind="HeatMapVisual",
        model=metric.model,
        configuration=configuration,
        columns=(down.column.name, across.column.name),
        metrics=(metric,),
        about=metric.description,
    )


def table(
    title: str,
    metrics: Sequence[Metric],
    *,
    by: Sequence[str],
    granularity: str | None = None,
    links: Sequence[Link] = (),
) -> Visual:
    """Numbers of one semantic model, a row for each combination of values of dimensions; times by `granularity`."""
    model = _one_model(title, metrics)
    groups = [dimension(model, name) for name in by]
    labels = [
        *({"FieldId": f"by_{one.name}", "CustomLabel": one.name.replace("_", " ")} for one in groups),
        *({"FieldId": field_of(metric), "CustomLabel": metric.label} for metric in metrics),
    ]
    configuration = {
        "FieldWells": {
            "TableAggregatedFieldWells": {
                "GroupBy": [_group(model, one, granularity=granularity) for one in groups],
                "Values": [_measure(metric) for metric in metrics],
            }
        },
        "FieldOptions": {"SelectedFieldOptions": labels},
    }
    return Visual(
        id=f"table-{_slug(title)}",
        title=title,
        kind="TableVisual",
        model=model,
        configuration=configuration,
        columns=tuple(one.column.name for one in groups),
        metrics=tuple(metrics),
        links=tuple(links),
        about=" ".join(metric.description for metric in metrics),
    )


def rows(title: str, model: SemanticModel, columns: Sequence[str], *, links: Sequence[Link] = ()) -> Visual:
    """Rows of a data set as they are."""
    known = {one.name: one for one in data_columns(model)}
    if missing := [name for name in columns if name not in known]:
        raise DashboardError(f"{model.name} has no column `{missing[0]}`; it has {', '.join(known)}")
    configuration = {
        "FieldWells": {
            "TableUnaggregatedFieldWells": {
                "Values": [{"FieldId": f"row_{name}", "Column": column_of(model, name)} for name in columns]
            }
        },
        "FieldOptions": {
            "SelectedFieldOptions": [
                {"FieldId": f"row_{name}", "CustomLabel": name.replace("_", " ")} for name in columns
            ]
        },
    }
    return Visual(
        id=f"rows-{_slug(title)}",
        title=title,
        kind="TableVisual",
        model=model,
        configuration=configuration,
        columns=tuple(columns),
        links=tuple(links),
        about=model.description,
    )


def _slug(text: str) -> str:
    return text.lower().replace("_", "-").replace(" ", "-")


def data_columns(model: SemanticModel) -> tuple[Column, ...]:
    """Return the columns of a semantic model's data set: all of its mart that have a simple type."""
    return tuple(model.columns.values())


# ---- the whole


def definition(dashboard: Dashboard, *, data_sets: Mapping[str, str], addresses: Mapping[str, str]) -> Json:
    """Return the definition of a dashboard.

    Args:
        data_sets: the ARN of each data set, by its semantic model.
        addresses: where each dashboard is, by its id.
    """
    metrics = {metric.name: metric for visual in dashboard.visuals for metric in visual.metrics}
    return {
        "DataSetIdentifierDeclarations": [
            {"Identifier": model.name, "DataSetArn": data_sets[model.name]} for model in dashboard.models
        ],
        "CalculatedFields": [
            {"DataSetIdentifier": metric.model.name, "Name": field_of(metric), "Expression": quicksight(metric)}
            for metric in metrics.values()
        ],
        "ParameterDeclarations": [_declared(one) for one in dashboard.parameters],
        "FilterGroups": list(_filters(dashboard)),
        "Sheets": [_sheet(dashboard, name, addresses) for name in dashboard.sheets],
        # Weeks as dbt and Athena have them, on the days of UTC.
        "Options": {"Timezone": "Etc/UTC", "WeekStart": "MONDAY"},
    }


def _declared(parameter: Parameter) -> Json:
    default = [] if parameter.default is None else [parameter.default]
    declaration = {
        "Name": parameter.name,
        "ParameterValueType": "SINGLE_VALUED",
        "DefaultValues": {"StaticValues": default},
    }
    return {"StringParameterDeclaration": declaration}


def _filters(dashboard: Dashboard) -> Iterable[Json]:
    for parameter in dashboard.parameters:
        for model in dashboard.models:
            if not _holds_for(parameter, model):
                continue
            name = f"{_slug(parameter.name)}-of-{_slug(model.name)}"
            condition = {"MatchOperator": "EQUALS", "NullOption": "NON_NULLS_ONLY", "ParameterName": parameter.name}
            if parameter.default is None:
                condition |= {"SelectAllOptions": "FILTER_ALL_VALUES", "NullOption": "ALL_VALUES"}
            scopes = [
                {"SheetId": dashboard.sheet_id(sheet), "Scope": "SELECTED_VISUALS", "VisualIds": shown}
                for sheet, visuals in dashboard.sheets.items()
                if (shown := [visual.id for visual in visuals if visual.model is model])
            ]
            yield {
                "FilterGroupId": f"filter-{name}",
                "CrossDataset": "SINGLE_DATASET",
                "Status": "ENABLED",
                "Filters": [
                    {
                        "CategoryFilter": {
                            "FilterId": name,
                            "Column": column_of(model, parameter.column),
                            "Configuration": {"CustomFilterConfiguration": condition},
                        }
                    }
                ],
                "ScopeConfiguration": {"SelectedSheets": {"SheetVisualScopingConfigurations": scopes}},
            }


def _holds_for(parameter: Parameter, model: SemanticModel) -> bool:
    """Say whether a choice holds for a data set: one that must be made, only where nothing is added up across it."""
    if parameter.default is not None:
        return parameter.column in model.not_across
    return parameter.column in {one.name for one in data_columns(model)}


def _sheet(dashboard: Dashboard, name: str, addresses: Mapping[str, str]) -> Json:
    visuals = dashboard.sheets[name]
    choices = [one for one in dashboard.parameters if any(_holds_for(one, visual.model) for visual in visuals)]
    controls = [_control(one, dashboard, name) for one in choices]
    placed = list(_placed([control["Dropdown"]["ParameterControlId"] for control in controls], visuals))
    return {
        "SheetId": dashboard.sheet_id(name),
        "Name": name or dashboard.name,
        "Title": dashboard.name,
        "Description": dashboard.about,
        "ContentType": "INTERACTIVE",
        "ParameterControls": controls,
        "Visuals": [_visual(visual, addresses) for visual in visuals],
        "Layouts": [{"Configuration": {"GridLayout": {"Elements": placed}}}],
    }


def _control(parameter: Parameter, dashboard: Dashboard, sheet: str) -> Json:
    """Return the control of a parameter on a sheet; it is one parameter, wherever it is chosen."""
    model = next(model for model in dashboard.models if _holds_for(parameter, model))
    where = f"-on-{_slug(sheet)}" if sheet else ""
    control = {
        "ParameterControlId": f"choose-{_slug(parameter.name)}{where}",
        "Title": parameter.title,
        "SourceParameterName": parameter.name,
        "Type": "SINGLE_SELECT",
        "SelectableValues": {"LinkToDataSetColumn": column_of(model, parameter.column)},
    }
    return {"Dropdown": control}


def _visual(visual: Visual, addresses: Mapping[str, str]) -> Json:
    body: Json = {
        "VisualId": visual.id,
        "Title": {"Visibility": "VISIBLE", "FormatText": {"PlainText": visual.title}},
        "VisualContentAltText": visual.about or visual.title,
    }
    if visual.kind == INSIGHT:
        body |= {"DataSetIdentifier": visual.model.name, "InsightConfiguration": visual.configuration}
    else:
        body["ChartConfiguration"] = visual.configuration
    if visual.links:
        body["Actions"] = [_action(visual, link, addresses) for link in visual.links]
    return {visual.kind: body}


def _action(visual: Visual, link: Link, addresses: Mapping[str, str]) -> Json:
    url = f"{addresses[link.dashboard]}#p.{link.parameter}=<<{link.column}>>"
    return {
        "CustomActionId": f"{visual.id}-to-{link.dashboard}",
        "Name": link.title,
        "Status": "ENABLED",
        "Trigger": "DATA_POINT_CLICK",
        "ActionOperations": [{"URLOperation": {"URLTarget": "SAME_TAB", "URLTemplate": url}}],
    }


def _placed(controls: Sequence[str], visuals: Sequence[Visual]) -> Iterable[Json]:
    """Place the controls in the first rows, and the visuals below, side by side as far as they fit."""
    for place, control in enumerate(controls):
        yield _element(control, "PARAMETER_CONTROL", place * 9, 0, 9, _HEADER_ROWS)
    column, row, tallest = 0, _HEADER_ROWS if controls else 0, 0
    for visual in visuals:
        if column + visual.width > GRID_COLUMNS:
            column, row, tallest = 0, row + tallest, 0
        yield _element(visual.id, "VISUAL", column, row, visual.width, visual.height)
        column, tallest = column + visual.width, max(tallest, visual.height)


def _element(id_: str, kind: str, column: int, row: int, width: int, height: int) -> Json:
    return {
        "ElementId": id_,
        "ElementType": kind,
        "ColumnIndex": column,
        "RowIndex": row,
        "ColumnSpan": width,
        "RowSpan": height,
    }
