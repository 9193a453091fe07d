"""The configured tables of the clean room and their analysis rules.

A table in the lake may be configured more than once, because a configured table has one rule. `customers` and
`segments` answer exactly and are therefore coarse; `people` and `orders` answer templates alone, with noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aws_cdk import aws_cleanrooms as cleanrooms

from c360_core.identity.workflow import SHARED_ID
from c360_core.names import TableName
from config.activation import CleanRoomSettings
from stacks.shared.assets import REPOSITORY

Rule = cleanrooms.CfnConfiguredTable.AnalysisRuleProperty
EMAIL: Final = "email_sha256"
CUSTOMER: Final = SHARED_ID  # by which the table of an ID mapping workflow knows a customer
TEMPLATES: Final = REPOSITORY / "sql" / "clean_room"
_Parameter = cleanrooms.CfnAnalysisTemplate.AnalysisParameterProperty
_Table = cleanrooms.CfnConfiguredTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An analysis template.

    Attributes:
        name: of the template, and of its file below `sql/clean_room`.
        parameters: what whoever asks has to say, as texts.
    """

    name: str
    parameters: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The query, in Spark's SQL."""
        path: Path = TEMPLATES / f"{self.name}.sql"
        return path.read_text(encoding="utf-8")

    def analysis_parameters(self) -> Sequence[_Parameter]:
        """Return the parameters as the template states them."""
        return [_Parameter(name=name, type="VARCHAR") for name in self.parameters]


QUESTIONS: Final = (
    Question(name="audience_overlap"),
    Question(name="campaign_reach", parameters=("campaign",)),
    Question(name="campaign_lift", parameters=("campaign", "currency")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A configured table.

    Attributes:
        name: by which queries call it.
        table: in the products zone.
        columns: that are shared.
        kind: of its rule, as AWS calls it.
        is_exact: it answers without noise, so that it may be asked so often and no more.
    """

    name: str
    table: TableName
    columns: tuple[str, ...]
    kind: str
    is_exact: bool


CUSTOMERS: Final = Shared(
    name="customers",
    table=TableName.SHARED_PEOPLE,
    columns=(EMAIL, CUSTOMER, "state", "loyalty_tier", "currency", "orders", "spend"),
    kind="AGGREGATION",
    is_exact=True,
)
SEGMENTS: Final = Shared(
    name="segments",
    table=TableName.SHARED_SEGMENTS,
    columns=(EMAIL, CUSTOMER, "segment"),
    kind="LIST",
    is_exact=True,
)
PEOPLE: Final = Shared(
    name="people",
    table=TableName.SHARED_PEOPLE,
    columns=(EMAIL, "loyalty_tier"),
    kind="CUSTOM",
    is_exact=False,
)
ORDERS: Final = Shared(
    name="orders",
    table=TableName.SHARED_ORDERS,
    columns=(EMAIL, "ordered_on", "currency", "orders", "amount"),
    kind="CUSTOM",
    is_exact=False,
)
SHARED: Final = (CUSTOMERS, SEGMENTS, PEOPLE, ORDERS)


def rule_of(shared: Shared, settings: CleanRoomSettings, templates: Sequence[str]) -> Rule:
    """Return the analysis rule of a configured table.

    Args:
        shared: the configured table.
        settings: how many people an answer is about at least.
        templates: ARNs of the analysis templates.
    """
    policies = {"AGGREGATION": _counted(settings), "LIST": _listed(), "CUSTOM": _asked(templates)}
    policy = _Table.ConfiguredTableAnalysisRulePolicyProperty(v1=policies[shared.kind])
    return Rule(type=shared.kind, policy=policy)


_V1 = _Table.ConfiguredTableAnalysisRulePolicyV1Property


def _counted(settings: CleanRoomSettings) -> _V1:
    """Statistics of customers whom the partner's table has, too. No function: a text that is cut is a finer group."""
    column = _Table.AggregateColumnProperty
    return _V1(
        aggregation=_Table.AnalysisRuleAggregationProperty(
            aggregate_columns=[
                column(column_names=[EMAIL], function="COUNT_DISTINCT"),
                column(column_names=["orders", "spend"], function="SUM"),
                column(column_names=["orders", "spend"], function="AVG"),
            ],
            join_columns=[EMAIL, CUSTOMER],
            join_required="QUERY_RUNNER",
            allowed_join_operators=["AND"],
            dimension_columns=["state", "loyalty_tier", "currency"],
            scalar_functions=[],
            output_constraints=[
                _Table.AggregationConstraintProperty(
                    column_name=EMAIL, minimum=settings.minimum_people, type="COUNT_DISTINCT"
                )
            ],
        )
    )


def _listed() -> _V1:
    """In which segments customers are whom the partner has, too: an audience that it may address, and no address."""
    return _V1(
        list=_Table.AnalysisRuleListProperty(
            join_columns=[EMAIL, CUSTOMER], list_columns=["segment"], allowed_join_operators=["AND"]
        )
    )


def _asked(templates: Sequence[str]) -> _V1:
    """The questions that we have read, and noise in which each customer drowns."""
    return _V1(
        custom=_Table.AnalysisRuleCustomProperty(
            allowed_analyses=list(templates),
            differential_privacy=_Table.DifferentialPrivacyProperty(
                columns=[_Table.DifferentialPrivacyColumnProperty(name=EMAIL)]
            ),
        )
    )
