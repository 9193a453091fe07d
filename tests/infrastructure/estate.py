"""The templates of an environment as AWS sees them: every reference is an ARN or a name, in every stack the same."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from tests.infrastructure.assembly import Assembly, Resource

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"
_PSEUDO: Final = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
_ARNS: Final = {
    "AWS::ApiGatewayV2::Api": "arn:aws:apigateway:{region}::/apis/{name}",
    "AWS::AppFlow::ConnectorProfile": "arn:aws:appflow:{region}:{account}:connectorprofile/{name}",
    "AWS::AppFlow::Flow": "arn:aws:appflow:{region}:{account}:flow/{name}",
    "AWS::Athena::WorkGroup": "arn:aws:athena:{region}:{account}:workgroup/{name}",
    "AWS::CleanRooms::AnalysisTemplate": (
        "arn:aws:cleanrooms:{region}:{account}:membership/ours/analysistemplate/{name}"
    ),
    "AWS::CleanRooms::ConfiguredTableAssociation": (
        "arn:aws:cleanrooms:{region}:{account}:membership/ours/configuredtableassociation/{name}"
    ),
    "AWS::CleanRooms::Membership": "arn:aws:cleanrooms:{region}:{account}:membership/{name}",
    "AWS::CodeBuild::Project": "arn:aws:codebuild:{region}:{account}:project/{name}",
    "AWS::DataBrew::Dataset": "arn:aws:databrew:{region}:{account}:dataset/{name}",
    "AWS::DataBrew::Job": "arn:aws:databrew:{region}:{account}:job/{name}",
    "AWS::DataBrew::Project": "arn:aws:databrew:{region}:{account}:project/{name}",
    "AWS::DataBrew::Recipe": "arn:aws:databrew:{region}:{account}:recipe/{name}",
    "AWS::DynamoDB::GlobalTable": "arn:aws:dynamodb:{region}:{account}:table/{name}",
    "AWS::EMR::Studio": "arn:aws:elasticmapreduce:{region}:{account}:studio/{name}",
    "AWS::EntityResolution::IdMappingWorkflow": "arn:aws:entityresolution:{region}:{account}:idmappingworkflow/{name}",
    "AWS::EntityResolution::IdNamespace": "arn:aws:entityresolution:{region}:{account}:idnamespace/{name}",
    "AWS::EntityResolution::MatchingWorkflow": "arn:aws:entityresolution:{region}:{account}:matchingworkflow/{name}",
    "AWS::EntityResolution::SchemaMapping": "arn:aws:entityresolution:{region}:{account}:schemamapping/{name}",
    "AWS::Events::ApiDestination": "arn:aws:events:{region}:{account}:api-destination/{name}/0c1d-7",
    "AWS::Events::Connection": "arn:aws:events:{region}:{account}:connection/{name}/0c1d-7",
    "AWS::Events::EventBus": "arn:aws:events:{region}:{account}:event-bus/{name}",
    "AWS::Events::Rule": "arn:aws:events:{region}:{account}:rule/{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::KMS::Key": "arn:aws:kms:{region}:{account}:key/{name}",
    "AWS::Kinesis::Stream": "arn:aws:kinesis:{region}:{account}:stream/{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::Logs::DeliveryDestination": "arn:aws:logs:{region}:{account}:delivery-destination:{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
    "AWS::Personalize::Dataset": "arn:aws:personalize:{region}:{account}:dataset/{name}",
    "AWS::Personalize::Schema": "arn:aws:personalize:{region}:{account}:schema/{name}",
    "AWS::Personalize::DatasetGroup": "arn:aws:personalize:{region}:{account}:dataset-group/{name}",
    "AWS::Personalize::EventTracker": "arn:aws:personalize:{region}:{account}:event-tracker/{name}",
    "AWS::Personalize::Solution": "arn:aws:personalize:{region}:{account}:solution/{name}",
    "AWS::QuickSight::Dashboard": "arn:aws:quicksight:{region}:{account}:dashboard/{name}",
    "AWS::QuickSight::DataSet": "arn:aws:quicksight:{region}:{account}:dataset/{name}",
    "AWS::QuickSight::DataSource": "arn:aws:quicksight:{region}:{account}:datasource/{name}",
    "AWS::QuickSight::Folder": "arn:aws:quicksight:{region}:{account}:folder/{name}",
    "AWS::QuickSight::Theme": "arn:aws:quicksight:{region}:{account}:theme/{name}",
    "AWS::RedshiftServerless::Namespace": "arn:aws:redshift-serverless:{region}:{account}:namespace/{name}",
    "AWS::RedshiftServerless::Workgroup": "arn:aws:redshift-serverless:{region}:{account}:workgroup/{name}",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::MSK::ServerlessCluster": "arn:aws:kafka:{region}:{account}:cluster/{name}/0c1d-7",
    "AWS::SageMaker::FeatureGroup": "arn:aws:sagemaker:{region}:{account}:feature-group/{name}",
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:{region}:{account}:secret:{name}-AbCdEf",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:{region}:{account}:stateMachine:{name}",
    "AWS::WAFv2::WebACL": "arn:aws:wafv2:{region}:{account}:global/webacl/{name}/12345678",
}
# Types whose `Ref` is their ARN.
_NAMED_BY_ARN: Final = {"AWS::SNS::Topic", "AWS::SecretsManager::Secret", "AWS::StepFunctions::StateMachine"}
# Types whose property `Name` is the name by which they are referred to.
_NAMED_BY_NAME: Final = {
    "AWS::Athena::WorkGroup",
    "AWS::DataBrew::Dataset",
    "AWS::DataBrew::Job",
    "AWS::DataBrew::Project",
    "AWS::DataBrew::Recipe",
    "AWS::Events::EventBus",
    "AWS::Kinesis::Stream",
}
_NAMES: Final = {
    "AWS::AppFlow::ConnectorProfile": "ConnectorProfileName",
    "AWS::AppFlow::Flow": "FlowName",
    "AWS::EntityResolution::IdNamespace": "IdNamespaceName",
    "AWS::QuickSight::Dashboard": "DashboardId",
    "AWS::QuickSight::DataSet": "DataSetId",
    "AWS::QuickSight::DataSource": "DataSourceId",
    "AWS::QuickSight::Folder": "FolderId",
    "AWS::QuickSight::Theme": "ThemeId",
    "AWS::RedshiftServerless::Namespace": "NamespaceName",
    "AWS::RedshiftServerless::Workgroup": "WorkgroupName",
    "AWS::SageMaker::FeatureGroup": "FeatureGroupName",
}
# The property with the key that encrypts a resource, by its path.
_KEYS: Final = {
    "AWS::DynamoDB::GlobalTable": ("Replicas", 0, "SSESpecification", "KMSMasterKeyId"),
    "AWS::Events::EventBus": ("KmsKeyIdentifier",),
    "AWS::Kinesis::Stream": ("StreamEncryption", "KeyId"),
    "AWS::Logs::LogGroup": ("KmsKeyId",),
    "AWS::S3::Bucket": (
        "BucketEncryption",
        "ServerSideEncryptionConfiguration",
        0,
        "ServerSideEncryptionByDefault",
        "KMSMasterKeyID",
    ),
    "AWS::SageMaker::FeatureGroup": ("OnlineStoreConfig", "SecurityConfig", "KmsKeyId"),
    "AWS::SecretsManager::Secret": ("KmsKeyId",),
    "AWS::SNS::Topic": ("KmsMasterKeyId",),
    "AWS::SQS::Queue": ("KmsMasterKeyId",),
}


def physical_name(resource: Resource) -> str:
    """Return the name that a template gives a resource, or one that no other resource of the environment has."""
    kind = resource.document["Type"]
    given = resource.properties.get(_NAMES.get(kind, "Name")) if kind in {*_NAMED_BY_NAME, *_NAMES} else None
    return given if isinstance(given, str) else f"{resource.pillar}-{resource.logical_id}"


def arn(resource: Resource) -> str:
    """Return the ARN of a resource whose type is known here."""
    try:
        form = _ARNS[resource.document["Type"]]
    except KeyError:
        raise LookupError(f"{resource}: add the ARN of {resource.document['Type']} to `_ARNS` in {__name__}") from None
    return form.format(region=REGION, account=ACCOUNT, name=physical_name(resource))


@dataclass(frozen=True)
class Estate:
    """All resources of an environment, with their references resolved."""

    assembly: Assembly

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        """Every resource, with properties that hold no reference any more."""
        return tuple(map(self._resolved, self.assembly.resources()))

    def _resolved(self, one: Resource) -> Resource:
        properties = self._plain(one.properties, one.pillar)
        return Resource(one.pillar, one.logical_id, {**one.document, "Properties": properties})

    def of_type(self, type_name: str) -> Iterator[Resource]:
        """Yield the resources of a type."""
        return (resource for resource in self.resources if resource.document["Type"] == type_name)

    def one(self, type_name: str, wanted: str) -> Resource:
        """Return the resource of a type that has this ARN or this name."""
        (found,) = (one for one in self.of_type(type_name) if wanted in {arn(one), physical_name(one)})
        return found

    @cached_property
    def by_arn(self) -> dict[str, Resource]:
        """The resources whose ARN is known here."""
        return {arn(one): one for one in self.resources if one.document["Type"] in _ARNS}

    @cached_property
    def _raw(self) -> dict[tuple[str, str], Resource]:
        return {(one.pillar, one.logical_id): one for one in self.assembly.resources()}

    @cached_property
    def _exports(self) -> dict[str, tuple[str, Any]]:
        return {
            str(output["Export"]["Name"]): (pillar, output["Value"])
            for pillar, template in self.assembly.templates.items()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }

    def key_of(self, wanted: str) -> str | None:
        """Return the ARN of the customer key that encrypts a resource, if one does."""
        resource = self.by_arn.get(wanted)
        if resource is None:
            return None
        value: Any = resource.properties
        for step in _KEYS.get(resource.document["Type"], ("",)):
            try:
                value = value[step]
            except (KeyError, IndexError):
                return None
        return str(value) if value in self.by_arn else arn(self.one("AWS::KMS::Key", str(value)))

    def _plain(self, value: Any, pillar: str) -> Any:  # noqa: PLR0911  # one answer for each of CloudFormation's functions
        """Return a value of a template without references."""
        match value:
            case {"Ref": str(name), **rest} if not rest:
                return self._reference(pillar, name)
            case {"Fn::GetAtt": [name, attribute]}:
                return self._attribute(self._raw[pillar, name], str(attribute))
            case {"Fn::ImportValue": name}:
                owner, exported = self._exports[str(name)]
                return self._plain(exported, owner)
            case {"Fn::Join": [delimiter, parts]}:
                return str(delimiter).join(str(self._plain(part, pillar)) for part in parts)
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([\w:]+)\}", lambda found: self._reference(pillar, found[1]), text)
            case {"Fn::Select": [index, {"Fn::Split": [delimiter, text]}]}:
                return str(self._plain(text, pillar)).split(str(delimiter))[int(index)]
            case dict():
                return {key: self._plain(one, pillar) for key, one in value.items()}
            case list():
                return [self._plain(one, pillar) for one in value]
            case _:
                return value

    def _reference(self, pillar: str, name: str) -> str:
        if name in _PSEUDO:
            return _PSEUDO[name]
        resource = self._raw.get((pillar, name))
        if resource is None:
            raise LookupError(f"{pillar}: {name} is neither a resource nor a known pseudo parameter")
        resource = self._named(resource)
        return arn(resource) if resource.document["Type"] in _NAMED_BY_ARN else physical_name(resource)

    def _attribute(self, resource: Resource, attribute: str) -> str:
        resource = self._named(resource)
        match attribute:
            case "Arn" | "TopicArn" | "WorkflowArn" | "SchemaArn" | "IdNamespaceArn":
                return arn(resource)
            case "Namespace.NamespaceArn" | "Workgroup.WorkgroupArn":
                return arn(resource)
            case "StreamArn":
                return f"{arn(resource)}/stream/2026-01-01T00:00:00.000"
            case "Name" | "QueueName" | "TopicName" | "Id":
                return physical_name(resource)
            case _:
                return f"{physical_name(resource)}.{attribute}"

    def _named(self, resource: Resource) -> Resource:
        """Return a resource with its name resolved."""
        known = ("Name", _NAMES.get(resource.document["Type"], "Name"))
        names = {one: self._plain(resource.properties.get(one), resource.pillar) for one in known}
        return Resource(resource.pillar, resource.logical_id, {**resource.document, "Properties": names})
