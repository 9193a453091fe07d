"""Settings of collection: how data comes in."""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from config.shared import FlinkSettings, Hour, Origin, ReservedConcurrency, Slice


class StreamSettings(Slice):
    """All four streams: whether they are deployed, their capacity and their retention."""

    deployed: bool = Field(
        default=True,
        description="Off: the environment sleeps at about 3 USD a month. The streams with their records and the "
        "Flink applications with their state are deleted; everything else stays",
    )
    provider: Literal["kinesis", "msk"] = Field(
        "kinesis",
        description="What carries the streams. msk: topics on one cluster of MSK Serverless in the private network, at "
        "about 550 USD a month; such an environment cannot sleep",
    )
    mode: Literal["provisioned", "on_demand"] = Field(
        "on_demand", description="provisioned: about 11 USD a month per shard; on_demand: about 29 per idle stream"
    )
    shards: int = Field(
        1, ge=1, le=500, description="Per stream: shards of Kinesis when provisioned, partitions of a topic on MSK"
    )
    retention_hours: int = Field(24, ge=24, le=8760)


class CollectorSettings(Slice):
    """The collector, which accepts events over HTTP."""

    allowed_origins: tuple[Origin, ...] = Field(
        (),
        description="Sites whose pages may call the collector under its own domain; empty: only pages whose site "
        "forwards to it. Browsers keep to it and nobody else: what keeps others out are the keys",
    )
    throttle_requests_per_second: int = Field(1000, ge=1, le=10_000)
    throttle_burst: int = Field(2000, ge=1, le=20_000, description="Requests at the same moment")
    reserved_concurrency: ReservedConcurrency | None = Field(
        None,
        description="So many requests at a time, and no more, whatever else the account does; empty leaves the "
        "function in the account's shared pool. AWS keeps 100 of an account's quota unreserved, and a new account has "
        "a quota of 10: ask for more first",
    )
    key_rotation_days: int = Field(
        90,
        ge=0,
        le=1000,
        description="Each source gets a new API key after this time, and may use the one before it until the next "
        "rotation; 0: keys stay until an operator changes them, and a changed one ends at once",
    )


_DOMAIN: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
_CERTIFICATE: Final = re.compile(r"arn:aws:acm:us-east-1:[0-9]{12}:certificate/[0-9a-f-]{36}")


def _domain(text: str) -> str:
    if _DOMAIN.fullmatch(text) is None:
        raise ValueError("write a domain in lower case, such as events.example.com")
    return text


def _certificate(text: str) -> str:
    if _CERTIFICATE.fullmatch(text) is None:
        raise ValueError(
            "write the ARN of a certificate in us-east-1, where CloudFront looks for it, such as "
            "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
        )
    return text


class EdgeSettings(Slice):
    """The edge: CloudFront with a web ACL in front of the collector."""

    deployed: bool = Field(
        default=False,
        description="Needs the Region us-east-1, and costs about 9 USD a month when idle. The output CollectorUrl "
        "becomes the address of the distribution",
    )
    refuse_direct: bool = Field(
        default=True,
        description="The collector refuses what comes past the edge; off: sources may move to its address one by one",
    )
    requests_per_address: int = Field(
        10_000,
        ge=10,
        le=2_000_000_000,
        description="An address that sends more requests in five minutes is refused until it sends fewer. All tills of "
        "a shop, or all visitors behind one router, may have one address",
    )
    secret_number: int = Field(
        1,
        ge=1,
        description="Raised by one after the edge's secret was replaced: the deployment then gives it to CloudFront",
    )
    domain: Annotated[str, AfterValidator(_domain)] | None = Field(
        None, description="A domain of yours for the edge; its DNS record is yours to set"
    )
    certificate_arn: Annotated[str, AfterValidator(_certificate)] | None = Field(
        None,
        description="The domain's certificate. Without one CloudFront's own serves, which also allows TLS before 1.2",
    )

    @model_validator(mode="after")
    def _domain_has_certificate(self) -> Self:
        if (self.domain is None) is not (self.certificate_arn is None):
            raise ValueError("edge.domain and edge.certificate_arn belong together: give both, or none of them")
        return self


class CleanSettings(FlinkSettings):
    """The application that validates, de-duplicates and sessionises."""

    state_ttl_hours: int = Field(
        24 * 30, ge=1, description="The state of an event id or a session is deleted after this time without an event"
    )
    session_gap_minutes: int = Field(
        30, ge=1, le=24 * 60, description="A session ends after this time without an event"
    )


class FileSettings(Slice):
    """How landed files are batched."""

    batch_seconds: int = Field(
        60,
        ge=1,
        le=300,
        description="How long a landed file waits for others that share its Glue run; AWS bills at least a minute "
        "for a run. AWS allows at most 300, and at least 1 for batches of more than ten files",
    )


class DatabaseNetworkSettings(Slice):
    """Where jobs meet a database: a subnet of your own that reaches it, S3, DynamoDB and the APIs that a job calls."""

    vpc_id: str = Field(pattern=r"^vpc-([0-9a-f]{8}|[0-9a-f]{17})$")
    subnet_id: str = Field(pattern=r"^subnet-([0-9a-f]{8}|[0-9a-f]{17})$")
    availability_zone: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$", description="The subnet's")


class DatabaseSettings(Slice):
    """One database that sources are read from; contracts name it as the server of their source."""

    host: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")
    port: int = Field(ge=1, le=65535)
    secret: str = Field(
        pattern=r"^[A-Za-z0-9/_+=.@-]{1,200}$",
        description="Name of a secret with `username` and `password` of a user who may only read, and `certificate`: "
        "the certificate of the authority behind the server's, in PEM",
    )
    secret_key_arn: str | None = Field(
        None, pattern=r"^arn:[a-z-]+:kms:", description="The key of that secret, if it is one of your own"
    )
    network: DatabaseNetworkSettings | None = Field(
        None, description="A subnet of your own; without it the job runs in the private network of `foundation.network`"
    )


DataSetId = Annotated[str, Field(pattern=r"^[a-zA-Z0-9]{30,40}$")]


class DataExchangeSettings(Slice):
    """Products of Data Exchange that the account has subscribed to."""

    products: Mapping[str, DataSetId] = Field(
        {},
        description="The data set of each product, by the name of its contract; its revisions are exported into the "
        "landing bucket. A product that is not here is not exported. A data set belongs to a Region: the environment "
        "must be there",
    )
    poll_seconds: int = Field(30, ge=1, le=3600, description="How often an export is looked at")
    retry_seconds: int = Field(
        300, ge=1, le=3600, description="The pause before a failed export is tried again; it grows fourfold, twice"
    )


class SapSettings(Slice):
    """What a connection to SAP says beside its address."""

    client: str = Field("100", pattern=r"^[0-9]{3}$", description="Client number")
    language: str = Field("EN", pattern=r"^[A-Z]{2}$", description="Logon language")
    port: int = Field(443, ge=1, le=65535)
    service_path: str = Field(
        "/sap/opu/odata/iwfnd/catalogservice;v=2",
        max_length=512,
        pattern=r"^/[!-~]+$",
        description="Path of the catalogue of services",
    )


class SaasSettings(Slice):
    """One connection to a vendor's system that AppFlow reads; contracts name it as the server of their source."""

    sources: tuple[str, ...] = Field(
        min_length=1, description="Contracts that are read over it: the switch of each source. Others have no flow"
    )
    profile: str | None = Field(
        None,
        max_length=256,
        pattern=r"^[A-Za-z0-9_/!@#+=.-]+$",
        description="Name of a connection that was made, and consented to, in AppFlow's console",
    )
    secret: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9/_+=.@-]{1,200}$",
        description="Name of a secret to make the connection from, if there is no `profile`; the stack reads it when "
        "it is deployed. Salesforce: `access_token`, `refresh_token`; SAP: `username`, `password`; Marketo: "
        "`client_id`, `client_secret`; Google: all four that are no password",
    )
    address: str | None = Field(
        None,
        pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$",
        description="Address of the vendor's system, with `secret`; Google has one for all",
    )
    sap: SapSettings = SapSettings()
    report: str | None = Field(
        None,
        max_length=512,
        pattern=r"^[!-~]+$",
        description="Google Analytics 4: the report of your property, as AppFlow names it",
    )

    @model_validator(mode="after")
    def _one_connection(self) -> Self:
        if (self.profile is None) is (self.secret is None):
            raise ValueError("name a `profile` that exists, or a `secret` to make one from, and not both")
        return self


class TextSettings(Slice):
    """Texts of reviews and mentions, which people may change and take back."""

    removed: bool = Field(
        default=False,
        description="Remove texts that were changed or taken back from the lake, every night; off: views hide them, "
        "and the files keep them. Switch it on with the first source of reviews",
    )
    removal_hour_utc: Hour = 3
    settled_minutes: int = Field(
        60,
        ge=0,
        le=24 * 60,
        description="What arrived so short a time ago is left for the next night, so that the job and `clean` do not "
        "commit to the same rows",
    )


class BackfillSettings(Slice):
    """Past interactions on their stream again, on demand."""

    deployed: bool = Field(
        default=False,
        description="The job and its state machine, for `./c360 backfill`; they cost nothing until they run",
    )
    share_percent: int = Field(
        50,
        ge=1,
        le=100,
        description="How much of what the stream `interactions` takes a backfill may use; live events need the rest",
    )
    settled_minutes: int = Field(
        60,
        ge=0,
        le=24 * 60,
        description="What arrived so short a time before a backfill began is not part of it, because it may not be in "
        "the lake yet",
    )


class CollectionSettings(Slice):
    """How data comes in."""

    streams: StreamSettings = StreamSettings()
    collector: CollectorSettings = CollectorSettings()
    edge: EdgeSettings = EdgeSettings()
    clean: CleanSettings = CleanSettings()
    files: FileSettings = FileSettings()
    databases: Mapping[str, DatabaseSettings] = Field(
        {},
        description="Databases by the names that contracts give them. A source whose database is not here is not read",
    )
    data_exchange: DataExchangeSettings = DataExchangeSettings()
    saas: Mapping[str, SaasSettings] = Field(
        {},
        description="Connections to vendors' systems by the names that contracts give them. AppFlow reads the sources "
        "that a connection lists",
    )
    failed_flow_runs: int = Field(
        3, ge=1, le=20, description="After so many failed runs of a flow in a row its source is reported, once"
    )
    texts: TextSettings = TextSettings()
    backfill: BackfillSettings = BackfillSettings()
    ingest_workers: int = Field(2, ge=2, le=100, description="Glue workers of a run, which takes up to 200 files")
    ingest_concurrency: int = Field(4, ge=1, le=50, description="Runs at the same time")
