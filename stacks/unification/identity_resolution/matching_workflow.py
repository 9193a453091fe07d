"""Entity Resolution: which columns are compared and by which rules, from `c360_core.identity.workflow`."""

from collections.abc import Mapping

from aws_cdk import aws_entityresolution as entityresolution
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.identity.workflow import MATCH_FIELDS, MATCH_RULES, OUTPUT_FIELDS, SCHEMA_DESCRIPTION, schema_version
from c360_core.names import PROJECT, TableName, Zone
from stacks.constructs.grants import add_objects, allow, read_objects
from stacks.constructs.matching_rights import entity_resolution, grant_input, look_up_input
from stacks.shared.platform import Platform
from stacks.unification.identity_resolution.matching_input import MatchingInput

_OUTPUT_FOLDER = "entity-resolution"


class MatchingWorkflow(Construct):
    """A schema mapping and a rule-based workflow; values arrive normalised, so the service does not normalise them.

    Lake Formation governs the input as soon as its table exists. The service reads the table when the workflow is
    created, which is before the governance stacks. So the role's grants are created here.
    """

    workflow: entityresolution.CfnMatchingWorkflow
    role: iam.Role
    name: str
    output: str

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        matching_input: MatchingInput,
        buckets: Mapping[Zone, s3.IBucket],
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self.name = f"{PROJECT}-{platform.environment}-people"
        self.output = f"s3://{buckets[Zone.RESULTS].bucket_name}/{_OUTPUT_FOLDER}"
        schema = self._schema(platform)
        self.role = self._role(schema, buckets, platform)
        self.workflow = entityresolution.CfnMatchingWorkflow(
            self,
            "Workflow",
            workflow_name=self.name,
            description="Groups identity records that are one person",
            role_arn=self.role.role_arn,
            input_source_config=[
                entityresolution.CfnMatchingWorkflow.InputSourceProperty(
                    input_source_arn=matching_input.arn, schema_arn=schema.attr_schema_arn, apply_normalization=False
                )
            ],
            output_source_config=[
                entityresolution.CfnMatchingWorkflow.OutputSourceProperty(
                    output_s3_path=self.output,
                    kms_arn=platform.key.key_arn,
                    apply_normalization=False,
                    output=[
                        entityresolution.CfnMatchingWorkflow.OutputAttributeProperty(name=n) for n in OUTPUT_FIELDS
                    ],
                )
            ],
            resolution_techniques=_techniques(),
        )
        grants = grant_input(
            self, "ReadInput", role=self.role, platform=platform, zone=Zone.CURATED, table=TableName.ER_INPUT
        )
        grants[-1].node.add_dependency(matching_input.resource)
        self.workflow.node.add_dependency(self.role, *grants)

    def _schema(self, platform: Platform) -> entityresolution.CfnSchemaMapping:
        return entityresolution.CfnSchemaMapping(
            self,
            "Schema",
            schema_name=f"{PROJECT}-{platform.environment}-identity-records-{schema_version()}",
            description=SCHEMA_DESCRIPTION,
            mapped_input_fields=[
                entityresolution.CfnSchemaMapping.SchemaInputAttributeProperty(
                    field_name=field.name, type=field.type, match_key=field.match_key
                )
                for field in MATCH_FIELDS
            ],
        )

    def _role(
        self, schema: entityresolution.CfnSchemaMapping, buckets: Mapping[Zone, s3.IBucket], platform: Platform
    ) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=entity_resolution(self))
        # No condition: Entity Resolution is not among the services of `kms:ViaService`, and it encrypts output itself.
        allow(role, ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"), platform.key.key_arn)
        read_objects(role, buckets[Zone.CURATED], f"{TableName.ER_INPUT}/")
        add_objects(role, buckets[Zone.RESULTS], f"{_OUTPUT_FOLDER}/")
        allow(role, ("s3:ListBucket",), buckets[Zone.RESULTS].bucket_arn)
        for zone in (Zone.CURATED, Zone.RESULTS):
            allow(role, ("s3:GetBucketLocation",), buckets[zone].bucket_arn)
        look_up_input(role, schema, platform, Zone.CURATED, TableName.ER_INPUT)
        return role


def _techniques() -> entityresolution.CfnMatchingWorkflow.ResolutionTechniquesProperty:
    return entityresolution.CfnMatchingWorkflow.ResolutionTechniquesProperty(
        resolution_type="RULE_MATCHING",
        rule_based_properties=entityresolution.CfnMatchingWorkflow.RuleBasedPropertiesProperty(
            attribute_matching_model="ONE_TO_ONE",
            match_purpose="IDENTIFIER_GENERATION",
            rules=[
                entityresolution.CfnMatchingWorkflow.RuleProperty(
                    rule_name=rule.name, matching_keys=list(rule.match_keys)
                )
                for rule in MATCH_RULES
            ],
        ),
    )
