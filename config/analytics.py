"""Settings of analytics: how the lake is queried."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from c360_core.personas import PERSONAS
from config.shared import Hour, Slice

Reader = Annotated[
    str, Field(pattern=r"^arn:[a-z-]+:quicksight:[a-z0-9-]+:[0-9]{12}:(user|group)/[a-zA-Z0-9._-]{1,64}/[^\s]{1,256}$")
]

QuickSightUser = Annotated[
    str, Field(pattern=r"^arn:[a-z-]+:quicksight:[a-z0-9-]+:[0-9]{12}:user/[a-zA-Z0-9._-]{1,64}/[^\s*?]{1,256}$")
]


DatabaseRole = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class RowRule(Slice):
    """Who sees only some rows, by the values of a column: readers of dashboards, people of the warehouse, or both."""

    column: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Column of marts, such as state or currency; a text"
    )
    values: tuple[Annotated[str, Field(pattern=r"^[^,\s'][^,']{0,126}$")], ...] = Field(
        min_length=1, description="What may be seen. A value has no comma, which stands between values in QuickSight"
    )
    principals: tuple[Reader, ...] = Field((), description="ARNs of the readers who see nothing else")
    warehouse_roles: tuple[DatabaseRole, ...] = Field(
        (),
        description="Roles of the warehouse's database whose people see nothing else; they are made. People have one "
        "by the tag `RedshiftDbRoles` of their IAM role",
    )

    @model_validator(mode="after")
    def _for_somebody(self) -> Self:
        if not self.principals and not self.warehouse_roles:
            raise ValueError("a rule limits nobody: name principals, warehouse_roles or both")
        return self


class EmbeddingSettings(Slice):
    """Dashboards in pages of other sites. Without a site there is nothing of it."""

    domains: tuple[Annotated[str, Field(pattern=r"^https://[a-z0-9-]+(\.[a-z0-9-]+)+(:[0-9]{1,5})?$")], ...] = Field(
        (), max_length=3, description="Sites that may embed dashboards, with https:// and without a path"
    )
    user: QuickSightUser | None = Field(
        None,
        description="ARN of the user of QuickSight as whom they are shown; none for nobody's, which AWS sells by "
        "capacity, from 250 USD a month, and which leaves out the dashboard with rows of customers",
    )
    session_minutes: int = Field(60, ge=15, le=600, description="How long somebody may look at an embedded dashboard")


class DashboardsSettings(Slice):
    """Dashboards in QuickSight, whose subscription somebody makes by hand."""

    deployed: bool = Field(
        default=False,
        description="Deploy data sets and dashboards. The subscription costs 24 USD a month for each author and 3 for "
        "each reader, which is not counted here",
    )
    owner: Reader | None = Field(
        None, description="ARN of the user or group of QuickSight that owns what is deployed; needed"
    )
    readers: tuple[Reader, ...] = Field((), description="ARNs of users or groups that may look at the dashboards")
    contact_readers: tuple[Reader, ...] = Field(
        (), description="Of them, who may see the masked contact data of customers, beside the owner"
    )
    row_rules: tuple[RowRule, ...] = Field(
        (),
        description="Who sees only some rows. Of data sets of persons without the column they see none; sums of "
        "everybody that are not by the column they see as they are. Somebody in two groups sees what either sees",
    )
    embedding: EmbeddingSettings = EmbeddingSettings()
    refresh_hour_utc: Hour = 6
    topic: bool = Field(
        default=False, description="Answer questions in words: 250 USD a month for the account, however many ask"
    )

    @property
    def people(self) -> tuple[str, ...]:
        """Return the ARNs of everybody who may look, the owner first."""
        return tuple(dict.fromkeys(one for one in (self.owner, *self.readers) if one is not None))

    @model_validator(mode="after")
    def _owned(self) -> Self:
        if self.deployed and self.owner is None:
            raise ValueError(
                "owner is missing: name the user or group of QuickSight that owns the dashboards; "
                "`aws quicksight list-users` shows their ARNs"
            )
        if self.topic and not self.deployed:
            raise ValueError("topic is on and deployed is off: a topic asks the dashboards' data sets; switch both on")
        if strangers := [one for one in self.contact_readers if one not in self.readers]:
            raise ValueError(f"contact_readers has {strangers[0]}, who is not in readers; add it there, too")
        limited = [one for rule in self.row_rules for one in rule.principals]
        if self.owner in limited:
            raise ValueError("row_rules limits the owner, who must see all rows to mend them; name a reader")
        if strangers := [one for one in limited if self.deployed and one not in self.readers]:
            raise ValueError(f"row_rules has {strangers[0]}, who is not in readers; add it there, too")
        if limited and self.embedding.domains and self.embedding.user is None:
            raise ValueError(
                "row_rules limits readers, and embedding.user is missing: who looks at an embedded dashboard would be "
                "nobody, for whom no rule holds; name a user"
            )
        return self


class QualitySettings(Slice):
    """Checks of the raw and curated tables by their contracts and by their own history."""

    deployed: bool = Field(
        default=False,
        description="Check the tables every night; a table that fails holds back the marts that depend on it. Glue "
        "bills two workers for the minutes of a run, at 0.44 USD an hour each",
    )
    hour_utc: Hour = 2
    workers: int = Field(2, ge=2, le=100, description="Glue workers of a run")
    window_days: int = Field(
        3, ge=1, le=365, description="Of tables of events, the rows of so many days are checked; of any other all"
    )
    volume_percent: int = Field(
        50, ge=1, le=100, description="A table has at least so many percent of its usual rows; usual is the median"
    )
    null_points: int = Field(
        20, ge=1, le=100, description="A share of empty values is at most so many percentage points above the usual"
    )
    slack_hours: int = Field(
        12, ge=1, le=720, description="How late data may be, beyond the frequency of its contract or its usual age"
    )


class DataBrewSettings(Slice):
    """Preparation of customers by a recipe that analysts work on in DataBrew."""

    deployed: bool = Field(
        default=False,
        description="Deploy the data set, the recipe and its jobs, and run them every night. A run costs 0.48 USD an "
        "hour for each node, a session of the project 1 USD for each half hour",
    )
    hour_utc: Hour = 7
    nodes: int = Field(2, ge=2, le=149, description="Nodes of a job run; DataBrew's own default is 5")
    timeout_minutes: int = Field(60, ge=5, le=2880, description="When a job run is ended")


_CAPACITY_STEP = 8


class ChurnSettings(Slice):
    """A model that foretells who leaves: trained each month by Redshift ML on SageMaker."""

    deployed: bool = Field(
        default=False,
        description="Train a model of churn and keep its score of each customer. A training costs up to 20 USD for "
        "each million of cells, beside the endpoint of SageMaker in the network",
    )
    hour_utc: Hour = 7
    max_cells: int = Field(
        1_000_000, ge=10_000, le=1_000_000_000, description="Cells (rows times columns) that are trained on; others not"
    )
    max_minutes: int = Field(30, ge=5, le=360, description="How long SageMaker may train")


class StreamingSettings(Slice):
    """What happens between two loads, read from the stream of interactions as it comes."""

    deployed: bool = Field(
        default=False,
        description="Read interactions into the warehouse as they come. It computes as long as any come in, up to 72 "
        "USD a day at 8 units: `daily_hours` ends it, and every query with it",
    )


class WarehouseSettings(Slice):
    """The warehouse: Redshift Serverless, with dimensions and facts that are loaded from the lake."""

    deployed: bool = Field(
        default=False,
        description="Deploy the warehouse and load it after each build of the marts. It costs while it computes: about "
        "3 USD an hour at 8 units, by the second and a minute at least; idle it costs its storage",
    )
    base_capacity: int = Field(8, ge=8, le=512, description="Processing units (RPU) of a query, a multiple of 8")
    max_capacity: int = Field(8, ge=8, le=512, description="Processing units (RPU) that it grows to, a multiple of 8")
    daily_hours: int = Field(
        16,
        ge=1,
        le=100_000,
        description="RPU-hours a day after which it takes no more queries; one hour at 8 units is 8",
    )
    poll_seconds: int = Field(10, ge=1, le=300, description="How often the loads ask whether a statement has ended")
    churn: ChurnSettings = ChurnSettings()
    streaming: StreamingSettings = StreamingSettings()

    @model_validator(mode="after")
    def _in_a_warehouse(self) -> Self:
        for name, part in (("churn", self.churn), ("streaming", self.streaming)):
            if part.deployed and not self.deployed:
                raise ValueError(f"{name}.deployed is on and deployed is off: it is in the warehouse; switch both on")
        return self

    @model_validator(mode="after")
    def _capacities_fit(self) -> Self:
        for name in ("base_capacity", "max_capacity"):
            if getattr(self, name) % _CAPACITY_STEP:
                raise ValueError(f"{name} is not a multiple of {_CAPACITY_STEP}, and Redshift has no other sizes")
        if self.max_capacity < self.base_capacity:
            raise ValueError("max_capacity is less than base_capacity: write at least as much")
        return self


# Of what jobs are called, whose names may have 63 characters.
OfferName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,7}$")]
Department = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 &/_.-]{0,63}$")]


class ModelsSettings(Slice):
    """Models on SageMaker that foretell what customers will do; their scores go into the profiles."""

    deployed: bool = Field(
        default=False,
        description="Train, compare and deploy the models each month, and score every customer. It costs the minutes "
        "of its jobs, 0.13 USD an hour for ml.m5.large; an endpoint costs nothing while nobody asks it",
    )
    send_hours: bool = Field(
        default=False,
        description="Learn each month in which hour each customer answers messages, as the score best_hour, which "
        "plays may wait for; one more job of some minutes",
    )
    offers: Mapping[OfferName, Department] = Field(
        {},
        description="Offers whose chance is learned each month, by a short name: the department of the articles. Plays "
        "find it as the score offer_<name>; each is a model of its own, with five jobs a month",
        max_length=20,
    )
    feature_store: bool = Field(
        default=False,
        description="Keep what the models are told of each customer in the Feature Store, so that the profile API can "
        "ask them about one customer; it costs by the request, a millionth of 1.25 USD for each record of a month",
    )
    features_expire_days: int = Field(
        400, ge=30, le=3650, description="How long the records of past months stay in the offline store"
    )
    hour_utc: Hour = 8
    approval: Literal["manual", "automatic"] = Field(
        "manual", description="Whether somebody approves a model that is better before it is deployed"
    )
    instance: Literal["ml.m5.large", "ml.m5.xlarge", "ml.m5.2xlarge", "ml.m5.4xlarge"] = Field(
        "ml.m5.large", description="What the jobs run on; an account may have none of it until its quota is raised"
    )
    max_minutes: int = Field(60, ge=5, le=720, description="When a job is ended")
    poll_seconds: int = Field(30, ge=1, le=300, description="How often an execution asks whether a job has ended")
    drift_threshold: float = Field(
        0.25,
        gt=0,
        le=5,
        description="Population stability index of a feature from which on a model is trained anew and reported",
    )
    endpoint_memory_megabytes: Literal[1024, 2048, 3072, 4096, 5120, 6144] = Field(
        2048, description="Memory of an endpoint"
    )
    endpoint_concurrency: int = Field(5, ge=1, le=200, description="How many requests an endpoint works on at a time")

    @model_validator(mode="after")
    def _has_jobs(self) -> Self:
        switches = {"send_hours": self.send_hours, "feature_store": self.feature_store, "offers": bool(self.offers)}
        for name, is_on in switches.items():
            if is_on and not self.deployed:
                raise ValueError(f"{name} is on and deployed is off: it runs with the models; switch both on")
        return self


def _persona(name: str) -> str:
    known = [persona.name for persona in PERSONAS]
    if name not in known:
        raise ValueError(f"there is no such persona; write one of {', '.join(known)}")
    return name


PersonaName = Annotated[str, AfterValidator(_persona)]
StudioUser = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9.@_+-]{0,62}$")]
_NOT_OF_A_PROFILE: Final = re.compile("[^a-zA-Z0-9]+")


def profile_name(user: str) -> str:
    """Return the name of a user's profile in the domain, which may hold letters, digits and hyphens alone."""
    return _NOT_OF_A_PROFILE.sub("-", user).strip("-")


class StudioSettings(Slice):
    """SageMaker Studio: notebooks for the people of a persona, and data preparation in Canvas."""

    deployed: bool = Field(
        default=False,
        description="Deploy a domain with a profile and a space for each user. An instance costs while an app runs on "
        "it, 0.05 USD an hour for ml.t3.medium, and Canvas 1.90 USD an hour while somebody is signed in to it",
    )
    users: Mapping[StudioUser, PersonaName] = Field(
        {}, description="Who works in it, and as which persona; with sso, by their names in IAM Identity Center"
    )
    sign_in: Literal["iam", "sso"] = Field(
        "iam",
        description="Whether people come through the persona's role, or through IAM Identity Center; AWS does not "
        "change it later",
    )
    network: Literal["private", "internet"] = Field(
        "private", description="Whether notebooks reach AWS's APIs through the private network alone, or the internet"
    )
    instance: Literal["ml.t3.medium", "ml.t3.large", "ml.t3.xlarge", "ml.m5.large", "ml.m5.xlarge", "ml.m5.2xlarge"] = (
        Field("ml.t3.medium", description="What the notebooks of a space run on")
    )
    volume_gigabytes: int = Field(5, ge=5, le=100, description="The disk of a space; 0.11 USD a gigabyte and month")
    idle_minutes: int = Field(60, ge=60, le=1440, description="A notebook app that does nothing so long is ended")
    canvas: bool = Field(default=True, description="Let the users prepare data in Canvas (Data Wrangler)")

    @model_validator(mode="after")
    def _somebody_works_in_it(self) -> Self:
        if self.deployed and not self.users:
            raise ValueError("users is empty: name who works in the studio, such as {ada: MarketingAnalyst}")
        alike = [name for name, times in Counter(map(profile_name, self.users)).items() if times > 1]
        if alike:
            raise ValueError(
                f"users has two names that both become the profile {alike[0]}; write one of them otherwise"
            )
        return self


class EmrStudioSettings(Slice):
    """EMR Studio: notebooks on Spark, which EMR Serverless runs."""

    deployed: bool = Field(
        default=False,
        description="Deploy the studio and an application with interactive sessions. A session costs while it runs: "
        "about 0.24 USD an hour for each worker of 4 vCPU and 16 GB",
    )
    idle_minutes: int = Field(30, ge=5, le=10_080, description="The application stops when nobody has used it so long")
    workers: int = Field(4, ge=4, le=100, description="The drivers and the executors of all sessions at the same time")


class AnalyticsSettings(Slice):
    """How the lake is queried."""

    scan_limit_gigabytes: int = Field(10, ge=1, le=10_000, description="A query that scans more is cancelled")
    nightly_models: bool = Field(default=False, description="Build the dbt models every night; off: on demand")
    nightly_hour_utc: Hour = 4
    quality: QualitySettings = QualitySettings()
    warehouse: WarehouseSettings = WarehouseSettings()
    dashboards: DashboardsSettings = DashboardsSettings()
    databrew: DataBrewSettings = DataBrewSettings()
    models: ModelsSettings = ModelsSettings()
    studio: StudioSettings = StudioSettings()
    emr_studio: EmrStudioSettings = EmrStudioSettings()

    @property
    def keeps_homes(self) -> bool:
        """Whether people keep notebooks, so that there is a bucket for them."""
        return self.studio.deployed or self.emr_studio.deployed

    @property
    def trains_models(self) -> bool:
        """Whether models are trained, so that there is a bucket for what they are trained on."""
        return self.models.deployed or (self.warehouse.deployed and self.warehouse.churn.deployed)

    @model_validator(mode="after")
    def _limited_where_there_is_something(self) -> Self:
        roles = [role for rule in self.dashboards.row_rules for role in rule.warehouse_roles]
        if roles and not self.warehouse.deployed:
            raise ValueError(
                f"dashboards.row_rules limits the role {roles[0]} of the warehouse, and warehouse.deployed is off: "
                "switch it on, or take the role out"
            )
        return self

    @model_validator(mode="after")
    def _checked_before_built(self) -> Self:
        if self.quality.deployed and self.nightly_models and self.quality.hour_utc >= self.nightly_hour_utc:
            raise ValueError(
                "quality.hour_utc is not before nightly_hour_utc: the models would be built from tables that are not "
                "checked yet; begin the checks an hour or more earlier"
            )
        return self

    @model_validator(mode="after")
    def _built_before_shown(self) -> Self:
        if (
            self.dashboards.deployed
            and self.nightly_models
            and self.dashboards.refresh_hour_utc <= self.nightly_hour_utc
        ):
            raise ValueError(
                "dashboards.refresh_hour_utc is not after nightly_hour_utc: the dashboards would show the marts of "
                "the day before; refresh an hour or more later"
            )
        return self

    @model_validator(mode="after")
    def _built_before_prepared(self) -> Self:
        if self.databrew.deployed and self.nightly_models and self.databrew.hour_utc <= self.nightly_hour_utc:
            raise ValueError(
                "databrew.hour_utc is not after nightly_hour_utc: the customers of the day before would be prepared; "
                "begin an hour or more later"
            )
        return self
