"""Every name that the infrastructure and the running code must agree on.

A physical name is `c360-<environment>-<name>` (or with underscores where the catalog wants them), so that
several environments can live in one account.
"""

from enum import StrEnum
from typing import Final, Literal, get_args

PROJECT: Final = "c360"

EnvironmentName = Literal["dev", "staging", "prod", "everything"]
ENVIRONMENTS: Final[tuple[EnvironmentName, ...]] = get_args(EnvironmentName)


class Stream(StrEnum):
    """Streams, in the order in which the data passes through them."""

    EVENTS = "events"
    INTERACTIONS = "interactions"
    IDENTITY_CHANGES = "identity-changes"
    PROFILE_CHANGES = "profile-changes"


class Arrival(StrEnum):
    """How the data of a source arrives."""

    HTTP = "http"
    FILES = "files"
    JDBC = "jdbc"
    APPFLOW = "appflow"
    DATA_EXCHANGE = "data_exchange"
    KAFKA = "kafka"


class Use(StrEnum):
    """What is done with data that was bought; the licence of a product allows or forbids each.

    `analytics`: marts and reports. `personalisation`: columns of profiles. `marketing`: segments by which campaigns
    choose people. `advertising`: audiences for advertising platforms. `service`: segments by which service is given.
    `model_features`: what a model learns from. `identity_resolution`: deciding which records are one person.
    """

    ANALYTICS = "analytics"
    PERSONALISATION = "personalisation"
    MARKETING = "marketing"
    ADVERTISING = "advertising"
    SERVICE = "service"
    MODEL_FEATURES = "model_features"
    IDENTITY_RESOLUTION = "identity_resolution"


class JoinedBy(StrEnum):
    """By what a row of a reference table finds the people whom it describes."""

    PERSON = "person"
    HOUSEHOLD = "household"
    POSTAL_CODE = "postal_code"


class Revisions(StrEnum):
    """What a revision of a product that we subscribe to has: every row, or those that changed."""

    FULL = "full"
    CHANGES = "changes"


class DatabaseEngine(StrEnum):
    """Databases that are read over JDBC, as the contracts' standard calls them."""

    POSTGRESQL = "postgresql"
    MYSQL = "mysql"


class Connector(StrEnum):
    """Vendors whose objects Amazon AppFlow reads, as AppFlow names their connectors."""

    SALESFORCE = "Salesforce"
    SAP_ODATA = "SAPOData"
    MARKETO = "Marketo"
    GOOGLE_ANALYTICS_4 = "GoogleAnalytics4"


class Zone(StrEnum):
    """Zones of the lake: one bucket each; those that are queried have one catalog database each."""

    LANDING = "landing"
    RAW = "raw"
    QUARANTINE = "quarantine"
    CURATED = "curated"
    PRODUCTS = "products"
    RESULTS = "results"


CATALOGED_ZONES: Final = (Zone.RAW, Zone.QUARANTINE, Zone.CURATED, Zone.PRODUCTS)


def zone_stack(zone: Zone) -> str:
    """Return the stack that governs a queried zone, as `STACKS` names it."""
    return f"governance-{zone}"


# In the order in which they are deployed.
STACKS: Final = (
    "foundation",
    "collection",
    "unification",
    "analytics",
    "activation",
    "governance",
    *(zone_stack(zone) for zone in CATALOGED_ZONES),
    "operations",
)


class Querier(StrEnum):
    """Who queries the lake: the personas, the build of the marts, and two kinds of people who operate the platform.

    Each has an Athena workgroup, a prefix for its results and a permission on the key of its own: whoever may use a
    workgroup reads every result in it. `operators` test a deployment, `stewards` read and mend the quarantine.
    `dashboards` is QuickSight, `preparation` what DataBrew prepares, `foresight` what models are trained on and
    `audiences` whom advertising platforms are told of, where each is switched on.
    """

    MARKETING_ANALYST = "marketing-analyst"
    MODELS = "models"
    OPERATORS = "operators"
    STEWARDS = "stewards"
    DASHBOARDS = "dashboards"
    PREPARATION = "preparation"
    FORESIGHT = "foresight"
    AUDIENCES = "audiences"


class TableName(StrEnum):
    """Tables that the templates create. File sources add one raw table each, named after the source.

    All are Iceberg tables but `er_input` and `shared_identities`, which the matching service reads, and two that
    DataBrew reads and writes: these services know plain Parquet only. The shared ones exist where there is a clean
    room, `shared_audiences` where there are audiences on advertising platforms.
    """

    INTERACTIONS = "interactions"
    DUPLICATES = "duplicates"
    REJECTED = "rejected"
    IDENTITY_RECORDS = "identity_records"
    IDENTITY_MAP = "identity_map"
    IDENTIFIER_MAP = "identifier_map"
    LATEST_IDENTITY_CHANGES = "latest_identity_changes"
    PROFILES = "profiles"
    SEGMENT_MEMBERSHIP = "segment_membership"
    QUALITY_RESULTS = "quality_results"
    ER_INPUT = "er_input"
    CUSTOMERS_TO_PREPARE = "customers_to_prepare"
    PREPARED_CUSTOMERS = "prepared_customers"
    SHARED_PEOPLE = "shared_people"
    SHARED_SEGMENTS = "shared_segments"
    SHARED_ORDERS = "shared_orders"
    SHARED_IDENTITIES = "shared_identities"
    SHARED_AUDIENCES = "shared_audiences"


class IdentifierType(StrEnum):
    """Identifier types, strongest first: the order decides which one keys an interaction."""

    LOYALTY_ID = "loyalty_id"
    CRM_ID = "crm_id"
    CASE_SYSTEM_ID = "case_system_id"
    EMAIL = "email"
    PHONE = "phone"
    SOCIAL_ID = "social_id"
    DEVICE_ID = "device_id"
    COOKIE_ID = "cookie_id"
    PUSH_TOKEN = "push_token"  # noqa: S105  # the name of an identifier type, not a secret
    IP = "ip"


class Unplanned(StrEnum):
    """What becomes of an event with a name that no contract has; a source's contract says it.

    `keep` makes it a `CUSTOM_EVENT` with its name and its properties, which counts as no money and starts nothing.
    """

    QUARANTINE = "quarantine"
    KEEP = "keep"


CUSTOM_EVENT: Final = "custom_event"
# The event type by which a source says that identifiers belong to one person.
IDENTITIES_JOINED: Final = "identities_joined"


class QualityKind(StrEnum):
    """What a rule of a table at rest compares it with: its contract, or its own history."""

    CONTRACT = "contract"
    VOLUME = "volume"
    NULLS = "nulls"
    FRESHNESS = "freshness"


class QualityOutcome(StrEnum):
    """What came of a rule. `learning`: there is too little history to judge by."""

    PASSED = "passed"
    FAILED = "failed"
    LEARNING = "learning"


# The event on the platform's bus about one table, each time that it was checked; `detail.outcome` says what came of it.
QUALITY_SOURCE: Final = "c360.quality"
QUALITY_EVENT: Final = "Dataset checked"
# Beside the outcomes of rules: the table failed the time before, and does not now.
RECOVERED: Final = "recovered"
QUALITY_METRIC: Final = "QualityRulesFailed"  # in METRIC_NAMESPACE, by Environment and Dataset


class PiiClass(StrEnum):
    """How sensitive a column is; the values of the Lake Formation tag `pii`."""

    NONE = "none"
    PSEUDONYMOUS = "pseudonymous"
    DIRECT = "direct"
    SENSITIVE = "sensitive"


class LakeTag(StrEnum):
    """Lake Formation tags, which decide on access to the lake."""

    PII = "pii"
    ZONE = "zone"


class Money(StrEnum):
    """What the sign of money means. `magnitude`: nothing, because senders differ on it."""

    POSITIVE = "positive"
    MAGNITUDE = "magnitude"


class ProfilePart(StrEnum):
    """Parts of a profile; each column of the contract of profiles that is shown belongs to one."""

    ATTRIBUTES = "attributes"
    AGGREGATES = "aggregates"
    LINKS = "links"
    ENRICHMENT = "enrichment"
    SCORES = "scores"
    SEGMENTS = "segments"


class Fold(StrEnum):
    """How a column of a profile is computed from the person's interactions.

    `single` is the value that all interactions share, null where they differ; `newest` is a field of the payload of
    the newest interaction, and `newest_of_each` a map: a field of the newest interaction by a name in the payload.
    """

    COUNT = "count"
    SUM = "sum"
    AVERAGE = "average"
    EARLIEST = "earliest"
    LATEST = "latest"
    SINGLE = "single"
    NEWEST = "newest"
    NEWEST_OF_EACH = "newest_of_each"


class MartColumn(StrEnum):
    """How the marts show a column of a profile.

    `compared`: `profile_states` has it, to be compared with what the marts compute from the interactions.
    """

    SHOWN = "shown"
    MASKED = "masked"
    COMPARED = "compared"


class Property(StrEnum):
    """Property groups of the Flink applications."""

    RUN_OPTIONS = "kinesis.analytics.flink.run.options"
    STREAMS = "streams"
    LAKE = "lake"
    IDENTITY = "identity"
    TUNING = "tuning"
    ENVIRONMENT = "environment"


# Keys of the property group `streams`: the names of the streams that an application reads or writes, with commas.
READS: Final = "reads"
WRITES: Final = "writes"

ANONYMOUS_PREFIX: Final = "a_"
ANONYMOUS_HASH_LENGTH: Final = 26  # of the key's digits, which follow the prefix
PERSON_PREFIX: Final = "p_"
# How a record without a known source is called, and how much of a name is kept.
UNKNOWN_SOURCE_NAME: Final = "unknown"
MAX_SOURCE_LENGTH: Final = 64
MAX_REASON_LENGTH: Final = 2000  # of a rejection
# The header that CloudFront adds to each request for the collector; its value is a secret of the two.
EDGE_HEADER: Final = "x-c360-edge"
# The database of the warehouse, its administrator, and the schema of its dimensions and facts.
WAREHOUSE_DATABASE: Final = PROJECT
WAREHOUSE_ADMIN: Final = "administrator"
WAREHOUSE_SCHEMA: Final = "warehouse"
METRIC_NAMESPACE: Final = "Customer360"
QUALITY_NAMESPACE: Final = "Glue Data Quality"  # AWS's own, of the rules' results


def reference_table(source: str) -> str:
    """Return the table of the curated zone with the history of what a bought product says."""
    return f"reference_{source}"


def stream_name(environment: str, stream: Stream) -> str:
    """Return the physical name of a stream; on Kafka the topic has the same name."""
    return f"{PROJECT}-{environment}-{stream}"


def database_name(environment: str, zone: Zone) -> str:
    """Return the catalog database of a zone."""
    return f"{PROJECT}_{environment}_{zone}"


def lake_tag_key(environment: str, tag: LakeTag) -> str:
    """Return a tag's key in the account: tags belong to no database, and environments may share the account."""
    return f"{PROJECT}-{environment}-{tag}"


def trail_name(environment: str) -> str:
    """Return the trail of data events. The bucket and the key let it in by name, before it is there."""
    return f"{PROJECT}-{environment}-data-events"


def workgroup_name(environment: str, querier: Querier) -> str:
    """Return the Athena workgroup of one kind of queriers."""
    return f"{PROJECT}-{environment}-{querier}"


def results_prefix(querier: Querier) -> str:
    """Return the prefix in the results zone under which Athena keeps the answers of these queriers."""
    return f"athena/{querier}/"


class ConsumerGroup(StrEnum):
    """Who reads a stream together, where the streams are on Kafka."""

    CLEAN = f"{PROJECT}-clean"
    UNIFY = f"{PROJECT}-unify"
    PROFILE_WRITER = f"{PROJECT}-profile-writer"
    SENTIMENT = f"{PROJECT}-sentiment"
    RECOMMENDATION_EVENTS = f"{PROJECT}-recommendation-events"
    FEATURE_REMOVALS = f"{PROJECT}-feature-removals"


def stream_cluster_name(environment: str) -> str:
    """Return the physical name of the cluster that carries the streams, where they are on Kafka."""
    return f"{PROJECT}-{environment}"


def warehouse_name(environment: str) -> str:
    """Return the namespace of the warehouse and its workgroup, which have the same name."""
    return f"{PROJECT}-{environment}"


def studio_name(environment: str) -> str:
    """Return the name of the studios of an environment: the domain of SageMaker, and the studio of EMR."""
    return f"{PROJECT}-{environment}"


# Where dbt keeps the marts, in the bucket of the products.
MARTS_PREFIX: Final = "marts/"


def studio_prefix(querier: Querier) -> str:
    """Return the prefix in the bucket of the studios under which the people of a persona keep what they make."""
    return f"{querier}/"


# Where EMR Studio keeps the workspaces, in the same bucket.
WORKSPACES_PREFIX: Final = "emr-workspaces/"


def quicksight_id(environment: str, name: str) -> str:
    """Return the id in the account of a data source, a data set, a theme or a dashboard of QuickSight."""
    return f"{PROJECT}-{environment}-{name.replace('_', '-')}"


def databrew_name(environment: str, name: str) -> str:
    """Return the name in the account of a data set, a recipe, a project or a job of DataBrew."""
    return f"{PROJECT}-{environment}-{name}"


def connection_name(environment: str, name: str) -> str:
    """Return the physical name of the connection to a database, by the name that contracts give it."""
    return f"{PROJECT}-{environment}-{name}"


def foretold_name(environment: str, model: str) -> str:
    """Return the name in SageMaker of what belongs to a model: its pipeline, its group of packages, its endpoint."""
    return f"{PROJECT}-{environment}-{model}"


def features_name(environment: str) -> str:
    """Return the name of the group of features of customers in SageMaker's Feature Store."""
    return f"{PROJECT}-{environment}-customers"


def clean_room_name(environment: str) -> str:
    """Return the name of the collaboration with a partner, and the beginning of the names of its configured tables."""
    return f"{PROJECT}-{environment}"


def personalize_name(environment: str, name: str) -> str:
    """Return the name in the account of a resource of Amazon Personalize, from which its ARN follows."""
    return f"{PROJECT}-{environment}-{name.replace('_', '-')}"


# Where Personalize finds what it is trained on, in the bucket of the trainings; by a day later it is deleted.
PERSONALIZE_PREFIX: Final = "personalize/"


def flow_name(environment: str, source: str) -> str:
    """Return the physical name of the flow that reads a source; its landed files have it in their path."""
    return f"{PROJECT}-{environment}-{source}"


def stack_name(environment: str, stack: str) -> str:
    """Return the physical name of one of `STACKS`, for example `C360-dev-Foundation`."""
    return f"C360-{environment}-{stack.title()}"
