"""The tasks of a flow: what AppFlow asks of a vendor, and what it makes of each record, from the contract.

AppFlow refuses a flow without a projection, and reads only fields that the projection names: those that fill a column,
and those of the conditions.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from aws_cdk import aws_appflow as appflow

from c360_core.contracts import FlowFilter, SaasObject
from c360_core.names import Connector

_Task = appflow.CfnFlow.TaskProperty
_Operator = appflow.CfnFlow.ConnectorOperatorProperty
_Entry = appflow.CfnFlow.TaskPropertiesObjectProperty
_MASK: Final = "*"
_MASKED: Final = {"all": "MASK_ALL", "first": "MASK_FIRST_N", "last": "MASK_LAST_N"}
# CDK's name of the operator's member, by connector; Google Analytics 4 is a custom connector to AppFlow.
_MEMBERS: Final = {
    Connector.SALESFORCE: "salesforce",
    Connector.SAP_ODATA: "sapo_data",
    Connector.MARKETO: "marketo",
    Connector.GOOGLE_ANALYTICS_4: "custom_connector",
}


def flow_tasks(saas: SaasObject) -> Sequence[appflow.CfnFlow.TaskProperty]:
    """Return the tasks of a flow: projection, conditions, masks, and one mapping for each column."""
    return [_projection(saas), *_conditions(saas), *_masks(saas), *_mappings(saas)]


def _operator(saas: SaasObject, name: str) -> appflow.CfnFlow.ConnectorOperatorProperty:
    return _Operator(**{_MEMBERS[saas.connector]: name})


def _entries(**said: str) -> list[appflow.CfnFlow.TaskPropertiesObjectProperty]:
    return [_Entry(key=key, value=value) for key, value in said.items()]


def _projection(saas: SaasObject) -> appflow.CfnFlow.TaskProperty:
    conditions = [one.field for one in saas.filters]
    return _Task(
        task_type="Filter",
        source_fields=list(dict.fromkeys([*saas.fields.values(), *conditions])),
        connector_operator=_operator(saas, "PROJECTION"),
    )


def _conditions(saas: SaasObject) -> Iterator[appflow.CfnFlow.TaskProperty]:
    for one in saas.filters:
        yield _Task(
            task_type="Filter",
            source_fields=[one.field],
            connector_operator=_operator(saas, one.operator),
            task_properties=_entries(DATA_TYPE=one.type, **_compared(one)),
        )


def _compared(one: FlowFilter) -> dict[str, str]:
    return {"VALUE": one.values[0]} if len(one.values) == 1 else {"VALUES": ",".join(one.values)}


def _masks(saas: SaasObject) -> Iterator[appflow.CfnFlow.TaskProperty]:
    for one in saas.masks:
        yield _Task(
            task_type="Mask",
            source_fields=[saas.fields[one.column]],
            connector_operator=_operator(saas, _MASKED[one.part]),
            task_properties=_entries(MASK_LENGTH=str(one.length), MASK_VALUE=_MASK),
        )


def _mappings(saas: SaasObject) -> Iterator[appflow.CfnFlow.TaskProperty]:
    for column, field in saas.fields.items():
        kind = saas.types[column]
        yield _Task(
            task_type="Map",
            source_fields=[field],
            destination_field=column,
            connector_operator=_operator(saas, "NO_OP"),
            task_properties=_entries(DESTINATION_DATA_TYPE=kind, SOURCE_DATA_TYPE=kind),
        )
