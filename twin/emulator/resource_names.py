"""The ARN that a request is about, worked out of its parameters as AWS's authorization reference says."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from twin.settings import ACCOUNT, REGION

Request = Mapping[str, Any]

# By IAM's prefix of the service: the parameter that names a resource, in lower case, and what its ARN ends in. The
# first parameter that a request has decides.
_PATHS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "appflow": (("flowname", "flow/{}"), ("connectorprofilename", "connectorprofile/{}")),
    "athena": (("workgroup", "workgroup/{}"),),
    "codebuild": (("projectname", "project/{}"),),
    "databrew": (("name", "job/{}"),),
    "dataexchange": (("jobid", "jobs/{}"), ("datasetid", "data-sets/{}"), ("eventactionid", "event-actions/{}")),
    "dynamodb": (("tablename", "table/{}"),),
    "entityresolution": (("workflowname", "matchingworkflow/{}"), ("schemaname", "schemamapping/{}")),
    "glue": (("jobname", "job/{}"),),
    "kafka": (("clusterarn", "{}"),),
    "kinesis": (("streamarn", "{}"), ("streamname", "stream/{}")),
    "kinesisanalytics": (("applicationname", "application/{}"),),
    "lambda": (("functionname", "function:{}"),),
    "redshift-serverless": (("workgroupname", "workgroup/{}"), ("namespacename", "namespace/{}")),
    "quicksight": (
        ("dashboardid", "dashboard/{}"),
        ("datasetid", "dataset/{}"),
        ("datasourceid", "datasource/{}"),
    ),
    "secretsmanager": (("secretid", "secret:{}"),),
    "sns": (("topicarn", "{}"),),
    "states": (("statemachinearn", "{}"), ("executionarn", "{}")),
}


def arn(prefix: str, path: str) -> str:
    """Return the ARN of a resource of the twin's account and region."""
    return f"arn:aws:{prefix}:{REGION}:{ACCOUNT}:{path}"


def resource_of(prefix: str, request: Request) -> str:
    """Return the ARN of the resource that a request names, or `*` when it names none.

    Args:
        prefix: IAM's prefix of the service, for example `kinesisanalytics`.
        request: the parameters, in the case of the API or of a state machine.
    """
    values = {name.lower(): value for name, value in request.items()}
    special = _SPECIAL.get(prefix)
    if special is not None:
        return special(values)
    for name, path in _PATHS.get(prefix, ()):
        if value := values.get(name):
            return str(value) if str(value).startswith("arn:") else arn(prefix, path.format(value))
    return "*"


def resources_of(action: str, request: Request) -> tuple[str, ...]:
    """Return the ARNs of all resources on which a request needs a permission; none when the emulator finds them itself.

    Args:
        action: one that `has_others`, for example `glue:GetTable`.
        request: the parameters of the API.
    """
    prefix, _, operation = action.partition(":")
    return _FOUND[prefix](request) if prefix in _FOUND else _OTHERS[prefix](operation, request)


def found_by(prefix: str, find: Callable[[Request], tuple[str, ...]]) -> None:
    """Let a provider find the resources of requests to its service, which name them by ids that it alone knows.

    Args:
        prefix: IAM's prefix of the service.
        find: returns the ARNs of a request's resources; none where there is no such id.
    """
    _FOUND[prefix] = find


def has_others(action: str) -> bool:
    """Say whether the emulator looks at other resources for an action than AWS does."""
    return action.partition(":")[0] in {*_OTHERS, *_FOUND}


def _queue(values: Request) -> str:
    name = str(values.get("queueurl", "")).rpartition("/")[2]
    return arn("sqs", name) if name else "*"


def _object(values: Request) -> str:
    bucket, key = values.get("bucket"), values.get("key")
    if not bucket:
        return "*"
    return f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"


def _workgroup(values: Request) -> str:
    """Return the workgroup in which a statement of the Data API is to run; one that has run has no ARN."""
    name = values.get("workgroupname")
    return arn("redshift-serverless", f"workgroup/{name}") if name else "*"


def _application(values: Request) -> str:
    application, run = values.get("applicationid"), values.get("jobrunid")
    if not application:
        return "*"
    return arn("emr-serverless", f"/applications/{application}" + (f"/jobruns/{run}" if run else ""))


def _bus(values: Request) -> str:
    name = str(values.get("eventbusname") or "default")
    return name if name.startswith("arn:") else arn("events", f"event-bus/{name}")


def _catalog(operation: str, request: Request) -> tuple[str, ...]:
    """Return the catalog, the database and the table of a request to Glue, or the job, the ruleset and so on."""
    table: Any = request.get("TableInput") or {}
    database = request.get("DatabaseName")
    if database is None:
        if operation.endswith("DataQualityRuleset"):
            return (arn("glue", f"dataQualityRuleset/{request.get('Name', '*')}"),)
        if operation.endswith("Connection"):
            return (arn("glue", f"connection/{request.get('Name', '*')}"), arn("glue", "catalog"))
        if not operation.endswith(("Database", "Databases")):
            return (resource_of("glue", request),)
        stated: Any = request.get("DatabaseInput") or request
        name = stated.get("Name")  # a list of all databases is about the catalog alone: AWS refuses it by that name
        return (arn("glue", "catalog"), *((arn("glue", f"database/{name}"),) if name else ()))
    name = request.get("TableName") or table.get("Name") or request.get("Name") or "*"
    return (arn("glue", f"table/{database}/{name}"), arn("glue", f"database/{database}"), arn("glue", "catalog"))


def _mail(operation: str, request: Request) -> tuple[str, ...]:
    """Return the identity, the configuration set and the template of a mail."""
    if operation != "SendEmail":
        return ()
    content: Any = request.get("Content") or {}
    template = (content.get("Template") or {}).get("TemplateName")
    configuration = request.get("ConfigurationSetName")
    sender = str(request.get("FromEmailAddress", "")).rpartition("<")[2].rstrip(">")
    return (
        arn("ses", f"identity/{sender.rpartition('@')[2]}"),
        *((arn("ses", f"configuration-set/{configuration}"),) if configuration else ()),
        *((arn("ses", f"template/{template}"),) if template else ()),
    )


def _texted(operation: str, request: Request) -> tuple[str, ...]:
    """Return the identity that a text message comes from, and its configuration set."""
    if operation != "SendTextMessage":
        return ("*",)
    configuration = request.get("ConfigurationSetName")
    return (
        str(request.get("OriginationIdentity", "*")),
        *((arn("sms-voice", f"configuration-set/{configuration}"),) if configuration else ()),
    )


def _pushed(operation: str, request: Request) -> tuple[str, ...]:
    """Return the messages of an application of push messages."""
    application = request.get("ApplicationId")
    return (arn("mobiletargeting", f"apps/{application}/messages"),) if operation == "SendMessages" else ("*",)


def _brewed(operation: str, request: Request) -> tuple[str, ...]:
    """Return the job, the recipe, the data set or the project of a request to DataBrew, which all are named `Name`."""
    name = request.get("Name")
    kinds = (kind for kind in ("Job", "Recipe", "Dataset", "Project") if kind in operation)
    kind = next(kinds, None)
    return (arn("databrew", f"{kind.lower()}/{name}"),) if name and kind else ("*",)


# Of SageMaker: the parameter that names what a request makes or asks for, and what its ARN ends in. An endpoint is made
# of a configuration, on which a permission is needed, too; a job names the model and the group that it uses.
_MADE: Final = (
    ("TransformJobName", "transform-job/{}"),
    ("ProcessingJobName", "processing-job/{}"),
    ("TrainingJobName", "training-job/{}"),
    ("PipelineExecutionArn", "{}"),
    ("PipelineName", "pipeline/{}"),
    ("ModelPackageName", "{}"),
    ("ModelPackageArn", "{}"),
    ("EndpointName", "endpoint/{}"),
    ("EndpointConfigName", "endpoint-config/{}"),
    ("ModelName", "model/{}"),
    ("FeatureGroupName", "feature-group/{}"),
)
_LISTED: Final = ("ModelApprovalStatus", "NameContains", "MaxResults")


def _made(request: Request) -> tuple[str, ...]:
    """Return what a request to SageMaker is about, beside the studio; most of its lists have no resource."""
    for name, path in _MADE:
        if value := request.get(name):
            return (str(value) if str(value).startswith("arn:") else arn("sagemaker", path.format(value)),)
    group = request.get("ModelPackageGroupName")
    if group and not any(name in request for name in _LISTED):
        return (arn("sagemaker", f"model-package-group/{group}"),)
    return ("*",)


def _sagemaker(operation: str, request: Request) -> tuple[str, ...]:
    if operation in {"CreateEndpoint", "UpdateEndpoint"}:
        return (*_made(request), arn("sagemaker", f"endpoint-config/{request.get('EndpointConfigName')}"))
    if operation == "BatchGetRecord":
        return tuple(dict.fromkeys(name for one in request.get("Identifiers", ()) for name in _made(one)))
    return _studio(request) if request.get("DomainId") else _made(request)


def _studio(request: Request) -> tuple[str, ...]:
    """Return the app, the space, the profile or the domain of a request to SageMaker; a list has no resource."""
    domain, user, space = (request.get(name) for name in ("DomainId", "UserProfileName", "SpaceName"))
    if request.get("AppName"):
        kind = str(request.get("AppType", "")).lower()
        return (arn("sagemaker", f"app/{domain}/{space or user}/{kind}/{request['AppName']}"),)
    if space:
        return (arn("sagemaker", f"space/{domain}/{space}"),)
    return (arn("sagemaker", f"user-profile/{domain}/{user}" if user else f"domain/{domain}"),)


def _recommended(operation: str, request: Request) -> tuple[str, ...]:
    """Return what a request to Personalize makes, by its name, or what it is about, by its ARN; an answer is about the
    campaign and the filters that are asked."""
    if operation == "GetRecommendations":
        promotions: Any = request.get("promotions") or ()
        asked = [request, *promotions]
        filters = [str(one["filterArn"]) for one in asked if one.get("filterArn")]
        return (str(request.get("campaignArn", "*")), *dict.fromkeys(filters))
    named = {
        "CreateDatasetImportJob": ("dataset-import-job", "jobName"),
        "CreateBatchInferenceJob": ("batch-inference-job", "jobName"),
        "CreateCampaign": ("campaign", "name"),
    }
    if operation in named:
        path, key = named[operation]
        return (arn("personalize", f"{path}/{request.get(key, '*')}"),)
    if operation == "PutEvents":
        return ("*",)
    return (next((str(value) for name, value in request.items() if name.endswith("Arn")), "*"),)


def _one(prefix: str) -> Callable[[str, Request], tuple[str, ...]]:
    return lambda _operation, request: (resource_of(prefix, request),)


_OTHERS: Final[Mapping[str, Callable[[str, Request], tuple[str, ...]]]] = {
    "appflow": _one("appflow"),
    "databrew": _brewed,
    "emr-serverless": _one("emr-serverless"),
    "entityresolution": _one("entityresolution"),
    "glue": _catalog,
    "kafka": _one("kafka"),
    "kinesisanalytics": _one("kinesisanalytics"),
    "redshift-data": _one("redshift-data"),
    "redshift-serverless": _one("redshift-serverless"),
    "personalize": _recommended,
    "mobiletargeting": _pushed,
    "quicksight": _one("quicksight"),
    "sagemaker": _sagemaker,
    "ses": _mail,
    "sms-voice": _texted,
}
_KNOWN: Final = (*(name for name, _ in _MADE), "ModelPackageGroupName", *_LISTED)
_FOUND: Final[dict[str, Callable[[Request], tuple[str, ...]]]] = {}
_SPECIAL: Final[Mapping[str, Callable[[Request], str]]] = {
    "emr-serverless": _application,
    "events": _bus,
    "redshift-data": _workgroup,
    "s3": _object,
    "sagemaker": lambda values: _made({name: values[name.lower()] for name in _KNOWN if name.lower() in values})[0],
    "sqs": _queue,
}
