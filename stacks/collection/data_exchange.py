"""Products of Data Exchange: an event action for each, and a state machine that exports what the action did not.

An event action exports each revision that is published from then on into the folder of its source, where the file
ingestion finds it like any other file. It knows nothing of earlier revisions, and repeats no export that failed.
The state machine exports revisions by jobs of its own: those of an event, again and again with growing pauses, or, when
an operator starts it, all that there are. A revision that is exported twice changes nothing. One that the provider has
revoked is exported no more, and the state machine tells the alarm topic of it: what is here of it, somebody has to
remove.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_dataexchange as dataexchange
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from c360_core.contracts import Contracts, Source, UnknownContractError
from c360_core.landing import revision_keys
from c360_core.names import Arrival, Zone
from config.collection import DataExchangeSettings
from stacks.constructs.grants import arn_seen_from, use_key
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.retries import retry_when_busy
from stacks.constructs.start_rules import StartRules
from stacks.constructs.state_machine import RUNBOOKS, StateMachine
from stacks.shared.ids import pascal_case
from stacks.shared.lake import Lake
from stacks.shared.platform import Platform

# AWS's page has the name in both spellings: in the table of events, and in the example of one.
_FAILED: Final = "Auto-export Job Failed"
_EXPORT_FAILED: Final = "ExportFailed"
_REVOKED: Final = "Revision Revoked"
_SOURCE: Final = "aws.dataexchange"
_RUNBOOK: Final = "a-product-is-not-exported.md"
_PAGE: Final = 200  # revisions; the most that Data Exchange lists at once
_RETRIES: Final = 3
_BACKOFF: Final = 4
_VARIABLES: Final = "CloudFormation-Validate::E1029"
_PROVIDERS_BUCKETS: Final = "arn:aws:s3:::*aws-data-exchange*"


class NoSuchProductError(ValueError):
    """The settings name a product that no contract brings by Data Exchange."""


class LicenceEndedError(ValueError):
    """The settings name a product that may not be used any more."""


class DataExchange(Construct):
    """Exports the revisions of the products in the settings. Without any, it has no resources.

    Args:
        on: the day on which the licences must hold; today by default.
    """

    machines: dict[str, sfn.StateMachine]

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        lake: Lake,
        settings: DataExchangeSettings,
        platform: Platform,
        on: date | None = None,
    ) -> None:
        super().__init__(scope, id_)
        self.machines = {}
        for name, data_set in settings.products.items():
            source = _product(lake.contracts, name, on or datetime.now(UTC).date())
            product = _Product(
                self,
                pascal_case(name),
                source=source,
                data_set=data_set,
                landing=lake.buckets[Zone.LANDING],
                settings=settings,
                platform=platform,
            )
            self.machines[name] = product.machine


class _Product(Construct):
    """One product: what exports its revisions."""

    machine: sfn.StateMachine

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        source: Source,
        data_set: str,
        landing: s3.IBucket,
        settings: DataExchangeSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._data_set, self._landing, self._settings, self._platform = data_set, landing, settings, platform
        self._name, self._keys = source.name, revision_keys(source.name)
        self._event_action()
        machine = StateMachine(
            self,
            "Run",
            name=f"Export{pascal_case(source.name)}",
            platform=platform,
            steps=self._steps(),
            subject=f"revisions of {source.name} could not be exported from Data Exchange",
            runbook=_RUNBOOK,
        )
        reason = "the variables are those of Data Exchange's key patterns, which CloudFormation must leave as they are"
        cdk.Validations.of(machine.machine).acknowledge(cdk.Acknowledgment(id=_VARIABLES, reason=reason))
        self._let_export(machine.machine.role, source.name)
        self.machine = machine.machine
        rules = StartRules(self, machine=machine, platform=platform)
        bus = events.EventBus.from_event_bus_name(self, "DefaultBus", "default")
        rules.on_event(
            "ExportFailed",
            description=f"Data Exchange could not export a revision of {source.name}: it is to be tried again",
            bus=bus,
            pattern=events.EventPattern(
                source=[_SOURCE],
                detail_type=events.Match.equals_ignore_case(_FAILED),
                detail={"DataSetIds": [data_set]},
            ),
        )
        rules.on_event(
            "Revoked",
            description=f"The provider of {source.name} has revoked revisions: somebody is to be told",
            bus=bus,
            pattern=events.EventPattern(source=[_SOURCE], detail_type=[_REVOKED], resources=[data_set]),
            execution_input=events.RuleTargetInput.from_object(
                {
                    "RevokedIds": events.EventField.from_path("$.detail.RevisionIds"),
                    "Why": events.EventField.from_path("$.detail.RevocationComment"),
                }
            ),
        )

    def _event_action(self) -> None:
        kind = dataexchange.CfnEventAction
        kind(
            self,
            "EventAction",
            event=kind.EventProperty(revision_published=kind.RevisionPublishedProperty(data_set_id=self._data_set)),
            action=kind.ActionProperty(
                export_revision_to_s3=kind.AutoExportRevisionToS3RequestDetailsProperty(
                    revision_destination=kind.AutoExportRevisionDestinationEntryProperty(
                        bucket=self._landing.bucket_name, key_pattern=self._keys
                    ),
                    encryption=kind.ExportServerSideEncryptionProperty(
                        type="aws:kms", kms_key_arn=self._platform.key.key_arn
                    ),
                )
            ),
        )

    # ---- the state machine

    def _steps(self) -> sfn.IChainable:
        """Export the revisions that an event names, or all of them, page by page; of revoked ones, tell."""
        named = self._export_each("Named", "$.RevisionIds", "$$.Map.Item.Value")
        choice = sfn.Choice(self, "WhichRevisions")
        choice.when(sfn.Condition.is_present("$.RevokedIds"), self._tell_of_revoked())
        return choice.when(sfn.Condition.is_present("$.RevisionIds"), named).otherwise(self._all_pages())

    def _tell_of_revoked(self) -> sfn.IChainable:
        message = {
            "runbook": f"{RUNBOOKS}{_RUNBOOK}#a-revision-is-revoked",
            "data_set": self._data_set,
            "revisions": sfn.JsonPath.object_at("$.RevokedIds"),
            "comment": sfn.JsonPath.string_at("$.Why"),
        }
        tell = tasks.SnsPublish(
            self,
            "TellOfRevoked",
            topic=self._platform.alarm_topic,
            subject=f"Customer 360 ({self._platform.environment}): revisions of {self._name} were revoked",
            message=sfn.TaskInput.from_object(message),
        )
        retry_when_busy(tell, "SNS")
        return tell

    def _all_pages(self) -> sfn.IChainable:
        first = self._list("ListRevisions", {})
        following = self._list("ListMore", {"NextToken": sfn.JsonPath.string_at("$.listed.NextToken")})
        more = sfn.Choice(self, "AreThereMore")
        more.when(sfn.Condition.is_present("$.listed.NextToken"), following).otherwise(sfn.Succeed(self, "AllExported"))
        exported = self._export_each("Listed", "$.listed.Revisions", "$$.Map.Item.Value.Id", listed=True)
        following.next(exported)
        return first.next(exported).next(more)

    def _list(self, id_: str, page: Mapping[str, str]) -> tasks.CallAwsService:
        return self._call(
            id_,
            "listDataSetRevisions",
            {"DataSetId": self._data_set, "MaxResults": _PAGE, **page},
            result_path="$.listed",
        )

    def _export_each(self, name: str, items: str, revision: str, *, listed: bool = False) -> sfn.Map:
        """Export one revision after another; if one fails, try again after a pause, which then grows.

        Args:
            name: of the states.
            items: path of the list.
            revision: path of a revision's id.
            listed: the list is Data Exchange's answer, which also has revisions that were revoked.
        """
        each = sfn.Map(
            self,
            f"Each{name}",
            items_path=items,
            item_selector={
                "RevisionId": sfn.JsonPath.string_at(revision),
                **({"Listed": sfn.JsonPath.object_at("$$.Map.Item.Value")} if listed else {}),
            },
            max_concurrency=1,
            result_path=sfn.JsonPath.DISCARD,
        )
        export = self._export(name)
        each.item_processor(self._unless_revoked(name, export) if listed else export)
        each.add_retry(
            errors=[_EXPORT_FAILED, "States.TaskFailed"],
            interval=cdk.Duration.seconds(self._settings.retry_seconds),
            backoff_rate=_BACKOFF,
            max_attempts=_RETRIES,
        )
        return each

    def _unless_revoked(self, name: str, export: sfn.IChainable) -> sfn.IChainable:
        """Pass over a revision that was revoked: Data Exchange exports it no more."""
        revoked = sfn.Condition.and_(
            sfn.Condition.is_present("$.Listed.Revoked"), sfn.Condition.boolean_equals("$.Listed.Revoked", value=True)
        )
        passed = sfn.Succeed(self, f"Revoked{name}")
        return sfn.Choice(self, f"IsRevoked{name}").when(revoked, passed).otherwise(export)

    def _export(self, name: str) -> sfn.IChainable:
        destination = {
            "Bucket": self._landing.bucket_name,
            "KeyPattern": self._keys,
            "RevisionId": sfn.JsonPath.string_at("$.RevisionId"),
        }
        details = {
            "DataSetId": self._data_set,
            "Encryption": {"Type": "aws:kms", "KmsKeyArn": self._platform.key.key_arn},
            "RevisionDestinations": [destination],
        }
        create = self._call(
            f"Create{name}",
            "createJob",
            {"Type": "EXPORT_REVISIONS_TO_S3", "Details": {"ExportRevisionsToS3": details}},
            result_path="$.job",
        )
        job = {"JobId": sfn.JsonPath.string_at("$.job.Id")}
        start = self._call(f"Start{name}", "startJob", job, result_path=sfn.JsonPath.DISCARD)
        wait = sfn.Wait(
            self, f"Wait{name}", time=sfn.WaitTime.duration(cdk.Duration.seconds(self._settings.poll_seconds))
        )
        look = self._call(f"Look{name}", "getJob", job, result_path="$.job")
        failed = sfn.Fail(self, f"Failed{name}", error=_EXPORT_FAILED, cause="the export ended without success")
        done = (
            sfn.Choice(self, f"Done{name}")
            .when(sfn.Condition.string_equals("$.job.State", "COMPLETED"), sfn.Succeed(self, f"Exported{name}"))
            .when(
                sfn.Condition.or_(
                    sfn.Condition.string_equals("$.job.State", "WAITING"),
                    sfn.Condition.string_equals("$.job.State", "IN_PROGRESS"),
                ),
                wait,
            )
            .otherwise(failed)
        )
        return create.next(start).next(wait).next(look).next(done)

    def _call(
        self, id_: str, action: str, parameters: Mapping[str, object], *, result_path: str
    ) -> tasks.CallAwsService:
        call = tasks.CallAwsService(
            self,
            id_,
            service="dataexchange",
            action=action,
            parameters=dict(parameters),
            iam_action=f"dataexchange:{action[:1].upper()}{action[1:]}",
            iam_resources=self._resources(action),
            result_path=result_path,
        )
        retry_when_busy(call, "DataExchange")
        return call

    # ---- rights

    def _resources(self, action: str) -> list[str]:
        """Return what an action of Data Exchange is allowed on. A data set that is subscribed to names no account."""
        stack = cdk.Stack.of(self)
        prefix = f"arn:{stack.partition}:dataexchange:{stack.region}"
        if action == "listDataSetRevisions":
            return [f"{prefix}:{account}:data-sets/{self._data_set}" for account in ("", stack.account)]
        return ["*"] if action == "createJob" else [self._jobs()]

    def _jobs(self) -> str:
        stack = cdk.Stack.of(self)
        return f"arn:{stack.partition}:dataexchange:{stack.region}:{stack.account}:jobs/*"

    def _let_export(self, role: iam.IRole, source: str) -> None:
        """Data Exchange reads the provider's objects and writes ours with the rights of who starts the job."""
        called = {"ForAnyValue:StringEquals": {"aws:CalledVia": ["dataexchange.amazonaws.com"]}}
        written = self._landing.arn_for_objects(f"{source}/*")
        for actions, resource, conditions in (
            (("s3:GetObject",), _PROVIDERS_BUCKETS, called),
            (("s3:PutObject", "s3:PutObjectAcl"), written, called),
            (("kms:CreateGrant",), self._platform.key.key_arn, {"Bool": {"kms:GrantIsForAWSResource": "true"}}),
        ):
            role.add_to_principal_policy(
                iam.PolicyStatement(actions=list(actions), resources=[resource], conditions=conditions)
            )
        use_key(role, self._platform.key, through="s3", actions=("Decrypt", "GenerateDataKey"))
        acknowledge(
            role,
            {
                wildcard(self, _PROVIDERS_BUCKETS): "AWS keeps the providers' objects in buckets of such names",
                wildcard(self, self._jobs()): "Data Exchange numbers its jobs itself",
                wildcard(
                    self, f"{arn_seen_from(self, self._landing)}/{source}/*"
                ): "a revision's objects are named by its time, its id and its assets",
            },
        )


def _product(contracts: Contracts, name: str, on: date) -> Source:
    try:
        source = contracts.source(name)
    except UnknownContractError as error:
        raise NoSuchProductError(f"collection.data_exchange.products.{name}: {error}") from error
    if source.server.arrival is not Arrival.DATA_EXCHANGE:
        raise NoSuchProductError(
            f"collection.data_exchange.products.{name}: the contract says that {name} arrives by "
            f"{source.server.arrival}; write `arrival: data_exchange` there, or take the product out of the settings"
        )
    if source.licence is not None and source.licence.has_ended(on):
        raise LicenceEndedError(
            f"collection.data_exchange.products.{name}: its licence ended on {source.licence.ends}; renew it and write "
            f"the new date into contracts/{name}.odcs.yaml, or take the product out of the settings"
        )
    return source
