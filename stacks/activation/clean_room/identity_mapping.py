"""A partner's ids and ours, mapped to each other by Entity Resolution, by the rules of identity resolution.

Our side is an ID namespace over hashes of customers who agreed to it; the partner's is its own. Neither sees the
other's records: the mapping is a table of the clean room, which only joins tables of both.
"""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cleanrooms as cleanrooms
from aws_cdk import aws_entityresolution as entityresolution
from aws_cdk import aws_iam as iam
from constructs import Construct

from c360_core.identity.workflow import MATCH_RULES, SHARED_FIELDS, SHARED_ID, schema_version
from c360_core.names import MARTS_PREFIX, PROJECT, TableName, Zone, clean_room_name
from stacks.constructs.grants import allow, catalog_arns, read_objects
from stacks.constructs.matching_rights import entity_resolution, grant_input, look_up_input
from stacks.shared.lake import Lake
from stacks.shared.lake_access import LakeAccess
from stacks.shared.platform import Platform

_DESCRIPTION: Final = "Hashes of customers who agreed to be compared with a partner's"
_ONE_TO_ONE: Final = "ONE_TO_ONE"
# A partner may know somebody twice; somebody of ours is one.
_RECORDS: Final = "MANY_SOURCE_TO_ONE_TARGET"


class IdentityMapping(Construct):
    """Our ID namespace, which records of the partner's resolve to, the workflow, and the table in the clean room."""

    role: iam.Role
    lake_access: Sequence[LakeAccess]

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        membership: cleanrooms.CfnMembership,
        partner_namespace: str,
        lake: Lake,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._name = clean_room_name(platform.environment)
        self._namespace_name = f"{self._name}-customers"
        schema = self._schema(platform)
        self.role = self._role(schema, partner_namespace, lake, platform)
        table = catalog_arns(self, platform, Zone.PRODUCTS, [TableName.SHARED_IDENTITIES])[-1]
        ours = entityresolution.CfnIdNamespace(
            self,
            "Namespace",
            id_namespace_name=self._namespace_name,
            description=_DESCRIPTION,
            type="TARGET",
            role_arn=self.role.role_arn,
            input_source_config=[
                entityresolution.CfnIdNamespace.IdNamespaceInputSourceProperty(
                    input_source_arn=table, schema_name=schema.schema_name
                )
            ],
            id_mapping_workflow_properties=[_rules()],
        )
        ours.add_resource_dependency(schema)
        read = grant_input(
            self,
            "ReadIdentities",
            role=self.role,
            platform=platform,
            zone=Zone.PRODUCTS,
            table=TableName.SHARED_IDENTITIES,
        )
        ours.node.add_dependency(self.role, *read)
        workflow = self._workflow(ours, partner_namespace)
        self._bring(membership, ours, workflow)
        self.lake_access = [
            LakeAccess(
                name="IdentityMapping",
                role=self.role,
                zone=Zone.PRODUCTS,
                tables=(TableName.SHARED_IDENTITIES,),
                granted=True,
            )
        ]

    def _schema(self, platform: Platform) -> entityresolution.CfnSchemaMapping:
        attribute = entityresolution.CfnSchemaMapping.SchemaInputAttributeProperty
        return entityresolution.CfnSchemaMapping(
            self,
            "Schema",
            schema_name=f"{PROJECT}-{platform.environment}-shared-{schema_version(SHARED_FIELDS, _DESCRIPTION)}",
            description=_DESCRIPTION,
            mapped_input_fields=[
                attribute(field_name=field.name, type=field.type)
                if field.name == SHARED_ID
                else attribute(field_name=field.name, type=field.type, match_key=field.match_key, hashed=True)
                for field in SHARED_FIELDS
            ],
        )

    def _workflow(
        self, ours: entityresolution.CfnIdNamespace, partner_namespace: str
    ) -> entityresolution.CfnIdMappingWorkflow:
        workflow = entityresolution.CfnIdMappingWorkflow
        source = workflow.IdMappingWorkflowInputSourceProperty
        made = workflow(
            self,
            "Workflow",
            workflow_name=f"{self._name}-customers-of-both",
            description="Finds which of a partner's records are our customers",
            role_arn=self.role.role_arn,
            input_source_config=[
                source(input_source_arn=partner_namespace, type="SOURCE"),
                source(input_source_arn=ours.attr_id_namespace_arn, type="TARGET"),
            ],
            id_mapping_techniques=workflow.IdMappingTechniquesProperty(
                id_mapping_type="RULE_BASED",
                rule_based_properties=workflow.IdMappingRuleBasedPropertiesProperty(
                    attribute_matching_model=_ONE_TO_ONE,
                    record_matching_model=_RECORDS,
                    rule_definition_type="TARGET",
                ),
            ),
        )
        made.node.add_dependency(self.role)
        return made

    def _bring(
        self,
        membership: cleanrooms.CfnMembership,
        ours: entityresolution.CfnIdNamespace,
        workflow: entityresolution.CfnIdMappingWorkflow,
    ) -> None:
        """Associate the namespace with the collaboration, and make the table that a run of the workflow fills."""
        namespace, mapping = cleanrooms.CfnIdNamespaceAssociation, cleanrooms.CfnIdMappingTable
        associated = namespace(
            self,
            "Association",
            name="customers_ids",
            description=_DESCRIPTION,
            membership_identifier=membership.attr_membership_identifier,
            input_reference_config=namespace.IdNamespaceAssociationInputReferenceConfigProperty(
                input_reference_arn=ours.attr_id_namespace_arn, manage_resource_policies=True
            ),
            # An id of ours joins tables, and is in no answer.
            id_mapping_config=namespace.IdMappingConfigProperty(allow_use_as_dimension_column=False),
        )
        table = mapping(
            self,
            "Mapping",
            name="customers_of_both",
            description="Which of a partner's ids is which of ours",
            membership_identifier=membership.attr_membership_identifier,
            input_reference_config=mapping.IdMappingTableInputReferenceConfigProperty(
                input_reference_arn=workflow.attr_workflow_arn, manage_resource_policies=True
            ),
        )
        table.add_resource_dependency(associated)

    def _role(
        self, schema: entityresolution.CfnSchemaMapping, partner_namespace: str, lake: Lake, platform: Platform
    ) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=entity_resolution(self))
        # No condition: Entity Resolution is not among the services of `kms:ViaService`.
        allow(role, ("kms:Decrypt",), platform.key.key_arn)
        bucket = lake.buckets[Zone.PRODUCTS]
        read_objects(role, bucket, f"{MARTS_PREFIX}{TableName.SHARED_IDENTITIES}/")
        allow(role, ("s3:GetBucketLocation",), bucket.bucket_arn)
        look_up_input(role, schema, platform, Zone.PRODUCTS, TableName.SHARED_IDENTITIES)
        # Ours by its name, since it is made after the role may read what it names.
        ours = cdk.Stack.of(self).format_arn(
            service="entityresolution", resource="idnamespace", resource_name=self._namespace_name
        )
        allow(role, ("entityresolution:GetIdNamespace",), partner_namespace, ours)
        return role


def _rules() -> entityresolution.CfnIdNamespace.IdNamespaceIdMappingWorkflowPropertiesProperty:
    """Return the rules of identity resolution, which only our namespace defines."""
    namespace = entityresolution.CfnIdNamespace
    return namespace.IdNamespaceIdMappingWorkflowPropertiesProperty(
        id_mapping_type="RULE_BASED",
        rule_based_properties=namespace.NamespaceRuleBasedPropertiesProperty(
            attribute_matching_model=_ONE_TO_ONE,
            record_matching_models=[_RECORDS],
            rule_definition_types=["TARGET"],
            rules=[
                namespace.RuleProperty(rule_name=rule.name, matching_keys=list(rule.match_keys)) for rule in MATCH_RULES
            ],
        ),
    )
