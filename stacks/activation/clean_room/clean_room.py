"""A collaboration with one partner in AWS Clean Rooms: the partner asks, and our rules answer."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cleanrooms as cleanrooms
from aws_cdk import aws_iam as iam
from constructs import Construct

from c360_core.names import TableName, Zone, clean_room_name, database_name
from config.activation import CleanRoomSettings
from stacks.activation.clean_room.identity_mapping import IdentityMapping
from stacks.activation.clean_room.rules import QUESTIONS, SHARED, Question, Shared, rule_of
from stacks.constructs.grants import allow, catalog_arns, query_lake, read_objects
from stacks.shared.ids import pascal_case
from stacks.shared.lake import Lake
from stacks.shared.lake_access import LakeAccess
from stacks.shared.platform import Platform

_SERVICE: Final = "cleanrooms.amazonaws.com"
# What Clean Rooms looks up, with the role of an association. The tables have no schema in a registry.
_CATALOG: Final = (
    "glue:GetDatabase",
    "glue:GetDatabases",
    "glue:GetTable",
    "glue:GetTables",
    "glue:GetPartition",
    "glue:GetPartitions",
    "glue:BatchGetPartition",
)
_ON: Final = "ENABLED"
_MONTH: Final = "CALENDAR_MONTH"


class CleanRoom(Construct):
    """The collaboration, our membership, and what we bring: configured tables, templates and budgets.

    The partner joins with a membership of its own, and brings a table `audience`. It is the only one that asks, that
    receives answers, and that pays. Its ids are mapped to ours where the settings name its ID namespace.
    """

    collaboration: cleanrooms.CfnCollaboration
    membership: cleanrooms.CfnMembership
    mapping: IdentityMapping | None
    lake_access: Sequence[LakeAccess]

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        partner: str,
        lake: Lake,
        settings: CleanRoomSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._partner, self._settings, self._platform = partner, settings, platform
        self._name = clean_room_name(platform.environment)
        self.collaboration = self._collaboration()
        self.membership = cleanrooms.CfnMembership(
            self,
            "Membership",
            collaboration_identifier=self.collaboration.attr_collaboration_identifier,
            query_log_status=_ON,
            payment_configuration=cleanrooms.CfnMembership.MembershipPaymentConfigurationProperty(
                query_compute=cleanrooms.CfnMembership.MembershipQueryComputePaymentConfigProperty(is_responsible=False)
            ),
        )
        templates = [self._template(question).attr_arn for question in QUESTIONS]
        roles = {table: self._role(table, lake) for table in dict.fromkeys(one.table for one in SHARED)}
        for shared in SHARED:
            association = self._associate(shared, self._configure(shared, templates), roles[shared.table])
            if shared.is_exact:
                self._limit(shared, association)
        self._hide()
        namespace = settings.partner_id_namespace
        self.mapping = (
            IdentityMapping(
                self,
                "Mapping",
                membership=self.membership,
                partner_namespace=namespace,
                lake=lake,
                platform=platform,
            )
            if namespace is not None
            else None
        )
        self.lake_access = [
            *(
                LakeAccess(name=f"CleanRoom{pascal_case(table)}", role=role, zone=Zone.PRODUCTS, tables=(table,))
                for table, role in roles.items()
            ),
            *(self.mapping.lake_access if self.mapping else ()),
        ]

    def _collaboration(self) -> cleanrooms.CfnCollaboration:
        room = cleanrooms.CfnCollaboration
        payment = room.PaymentConfigurationProperty
        compute = room.QueryComputePaymentConfigProperty
        return room(
            self,
            "Collaboration",
            name=self._name,
            description="A partner compares its customers with ours, and neither sees a row of the other's",
            analytics_engine="SPARK",
            creator_display_name="Customer 360",
            creator_member_abilities=[],
            creator_payment_configuration=payment(query_compute=compute(is_responsible=False)),
            members=[
                room.MemberSpecificationProperty(
                    account_id=self._partner,
                    display_name=self._settings.partner_name,
                    member_abilities=["CAN_QUERY", "CAN_RECEIVE_RESULTS"],
                    payment_configuration=payment(query_compute=compute(is_responsible=True)),
                )
            ],
            query_log_status=_ON,
        )

    def _template(self, question: Question) -> cleanrooms.CfnAnalysisTemplate:
        return cleanrooms.CfnAnalysisTemplate(
            self,
            f"Template{pascal_case(question.name)}",
            name=question.name,
            membership_identifier=self.membership.attr_membership_identifier,
            format="SQL",
            source=cleanrooms.CfnAnalysisTemplate.AnalysisSourceProperty(text=question.text),
            analysis_parameters=question.analysis_parameters() or None,
        )

    def _configure(self, shared: Shared, templates: Sequence[str]) -> cleanrooms.CfnConfiguredTable:
        table = cleanrooms.CfnConfiguredTable
        return table(
            self,
            f"Table{pascal_case(shared.name)}",
            name=f"{self._name}-{shared.name}",
            analysis_method="DIRECT_QUERY",
            allowed_columns=list(shared.columns),
            table_reference=table.TableReferenceProperty(
                glue=table.GlueTableReferenceProperty(
                    database_name=database_name(self._platform.environment, Zone.PRODUCTS), table_name=shared.table
                )
            ),
            analysis_rules=[rule_of(shared, self._settings, templates)],
        )

    def _associate(
        self, shared: Shared, configured: cleanrooms.CfnConfiguredTable, role: iam.Role
    ) -> cleanrooms.CfnConfiguredTableAssociation:
        """Bring a configured table; only the partner may receive what comes of it."""
        association = cleanrooms.CfnConfiguredTableAssociation
        receivers = [self._partner]
        policies = {
            "AGGREGATION": association.ConfiguredTableAssociationAnalysisRulePolicyV1Property(
                aggregation=association.ConfiguredTableAssociationAnalysisRuleAggregationProperty(
                    allowed_result_receivers=receivers
                )
            ),
            "LIST": association.ConfiguredTableAssociationAnalysisRulePolicyV1Property(
                list=association.ConfiguredTableAssociationAnalysisRuleListProperty(allowed_result_receivers=receivers)
            ),
            "CUSTOM": association.ConfiguredTableAssociationAnalysisRulePolicyV1Property(
                custom=association.ConfiguredTableAssociationAnalysisRuleCustomProperty(
                    allowed_result_receivers=receivers
                )
            ),
        }
        made = association(
            self,
            f"Association{pascal_case(shared.name)}",
            name=shared.name,
            membership_identifier=self.membership.attr_membership_identifier,
            configured_table_identifier=configured.attr_configured_table_identifier,
            role_arn=role.role_arn,
            configured_table_association_analysis_rules=[
                association.ConfiguredTableAssociationAnalysisRuleProperty(
                    type=shared.kind,
                    policy=association.ConfiguredTableAssociationAnalysisRulePolicyProperty(v1=policies[shared.kind]),
                )
            ],
        )
        made.node.add_dependency(role)
        return made

    def _limit(self, shared: Shared, association: cleanrooms.CfnConfiguredTableAssociation) -> None:
        """Let a table that answers without noise be asked so often a month."""
        budget = cleanrooms.CfnPrivacyBudgetTemplate
        budget(
            self,
            f"Budget{pascal_case(shared.name)}",
            membership_identifier=self.membership.attr_membership_identifier,
            privacy_budget_type="ACCESS_BUDGET",
            auto_refresh=_MONTH,
            parameters=budget.ParametersProperty(
                resource_arn=association.attr_arn,
                budget_parameters=[
                    budget.BudgetParameterProperty(type=_MONTH, budget=self._settings.monthly_queries, auto_refresh=_ON)
                ],
            ),
        )

    def _hide(self) -> None:
        """Give the tables that answer with noise a budget for a month; without one they cannot be asked."""
        budget = cleanrooms.CfnPrivacyBudgetTemplate
        budget(
            self,
            "PrivacyBudget",
            membership_identifier=self.membership.attr_membership_identifier,
            privacy_budget_type="DIFFERENTIAL_PRIVACY",
            auto_refresh=_MONTH,
            parameters=budget.ParametersProperty(
                epsilon=self._settings.epsilon, users_noise_per_query=self._settings.noise_people
            ),
        )

    def _role(self, table: TableName, lake: Lake) -> iam.Role:
        """Return the role with which queries of the collaboration read one table.

        Clean Rooms acts for our membership, and for that of whoever asks; the partner's has no id before it joins.
        """
        stack = cdk.Stack.of(self)
        theirs = f"arn:{stack.partition}:cleanrooms:{stack.region}:{self._partner}:membership/*"
        role = iam.Role(
            Construct(self, pascal_case(table)),
            "Role",
            assumed_by=iam.ServicePrincipal(
                _SERVICE, conditions={"ArnLike": {"aws:SourceArn": [self.membership.attr_arn, theirs]}}
            ),
        )
        bucket = lake.buckets[Zone.PRODUCTS]
        read_objects(role, bucket, f"{table}/")
        allow(role, ("s3:GetBucketLocation",), bucket.bucket_arn)
        allow(role, _CATALOG, *catalog_arns(role, self._platform, Zone.PRODUCTS, [table]))
        query_lake(role)
        return role
