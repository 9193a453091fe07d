"""Stand-in of AWS Clean Rooms: two parties, and protected queries under the analysis rules of both.

What our side brings is what the template deploys: the collaboration, our membership, configured tables with their rules
and associations, analysis templates and budgets. A partner joins with calls of its own account, as on AWS. A query is
checked against the rules of each table, runs on the engine, and its answer is checked and written to the partner's
bucket. Not carried: jobs, machine learning, encrypted columns, changes of a collaboration.
"""

import csv
import io
import logging
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, Final, Protocol

from twin.emulator.stand_ins import Resource
from twin.emulator.wire import ServiceError
from twin.providers.clean_rooms.privacy import AccessBudget, BudgetUsedUpError, PrivacyBudget, laplace, with_noise
from twin.providers.clean_rooms.queries import plan
from twin.providers.clean_rooms.rules import RuleError, columns_allowed, plain, read_rule
from twin.providers.clean_rooms.sql import Plan, QueryRefusedError, Row, SharedTable, literal
from twin.settings import REGION

Document = dict[str, Any]

TYPE: Final = "AWS::CleanRooms::"
COLLABORATION: Final = f"{TYPE}Collaboration"
MEMBERSHIP: Final = f"{TYPE}Membership"
CONFIGURED: Final = f"{TYPE}ConfiguredTable"
ASSOCIATION: Final = f"{TYPE}ConfiguredTableAssociation"
TEMPLATE: Final = f"{TYPE}AnalysisTemplate"
BUDGET: Final = f"{TYPE}PrivacyBudgetTemplate"
LOGGER: Final = logging.getLogger("twin.clean_rooms")
_ENDED: Final = frozenset({"SUCCESS", "FAILED", "CANCELLED", "TIMED_OUT"})
_AGGREGATIONS: Final = ("COUNT", "COUNT_DISTINCT", "SUM")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A table of a catalog, and the role with which a collaboration reads it.

    Attributes:
        account: whose catalog it is in.
    """

    account: str
    database: str
    table: str
    role_arn: str


class Reader(Protocol):
    """Reads tables under the roles of their associations, and runs what a plan says."""

    def columns(self, account: str, database: str, table: str) -> Sequence[str]:
        """Return the columns of a table of a catalog; raise ServiceError when there is none."""

    def open(self, place: Place) -> str:
        """Return where the engine finds a table, after its role was seen to be allowed to read it."""

    def run(self, sql: str) -> Sequence[Row]:
        """Return the engine's answer."""

    def close(self, source: str) -> None:
        """Forget what was made for a query."""

    def write(self, role_arn: str, bucket: str, key: str, body: bytes) -> None:
        """Write a result under the role of whoever receives it."""

    def log(self, account: str, membership: str, entry: Document) -> None:
        """Add to a member's log of queries."""


@dataclass(slots=True, kw_only=True)
class _Membership:
    id: str
    account: str
    collaboration: str
    created: datetime
    result: Document | None = None

    @property
    def arn(self) -> str:
        return _arn(self.account, f"membership/{self.id}")


@dataclass(slots=True, kw_only=True)
class _Configured:
    id: str
    account: str
    name: str
    table: Document
    columns: frozenset[str]
    created: datetime
    rule: tuple[str, Document] | None = None

    @property
    def arn(self) -> str:
        return _arn(self.account, f"configuredtable/{self.id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Association:
    id: str
    name: str
    membership: _Membership
    configured: _Configured
    role_arn: str
    created: datetime
    receivers: frozenset[str] | None = None

    @property
    def arn(self) -> str:
        return f"{self.membership.arn}/configuredtableassociation/{self.id}"


@dataclass(slots=True, kw_only=True)
class Query:
    """A protected query."""

    id: str
    membership: _Membership
    stated: Document
    output: Document
    role_arn: str
    created: datetime
    status: str = "SUBMITTED"
    error: tuple[str, str] | None = None
    location: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    statement: str = field(default="", repr=False)


class CleanRooms:
    """The operations that a partner needs to join and to ask, and an owner to see what was asked.

    Args:
        deployed: gives the deployed resources of a type.
        account: of the deployment.
        caller: gives the ARN of whoever calls.
        reader: reads tables and writes results.
        chance: draws the noise.
        clock: gives the time.
    """

    def __init__(
        self,
        *,
        deployed: Callable[[str], Sequence[Resource]],
        account: str,
        caller: Callable[[], str],
        reader: Reader,
        chance: Random,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._deployed, self._account, self._caller = deployed, account, caller
        self._reader, self._clock, self._draw = reader, clock, laplace(chance)
        self._memberships: dict[str, _Membership] = {}
        self._configured: dict[str, _Configured] = {}
        self._associations: dict[str, _Association] = {}
        self._queries: dict[str, Query] = {}
        self._privacy: dict[str, PrivacyBudget] = {}
        self._access: dict[str, AccessBudget] = {}
        self._lock = threading.RLock()

    # ---- joining

    def list_collaborations(self, _request: Document) -> Document:
        """List the collaborations that the caller's account created or is invited to."""
        account = self._who()
        listed = []
        for one in self._deployed(COLLABORATION):
            if account not in _members(one):
                continue
            joined = next(
                (m for m in self._all_memberships() if (m.account, m.collaboration) == (account, _id(one))), None
            )
            status = {"memberStatus": "ACTIVE" if joined else "INVITED"}
            if joined is not None:
                status |= {"membershipId": joined.id, "membershipArn": joined.arn}
            listed.append(
                {
                    "id": _id(one),
                    "arn": one.attributes["Arn"],
                    "name": one.properties["Name"],
                    "creatorAccountId": self._account,
                    "creatorDisplayName": one.properties["CreatorDisplayName"],
                    "createTime": self._clock(),
                    "updateTime": self._clock(),
                    "analyticsEngine": one.properties.get("AnalyticsEngine", "SPARK"),
                    **status,
                }
            )
        return {"collaborationList": listed}

    def create_membership(self, request: Document) -> Document:
        """Join a collaboration that the caller's account is invited to."""
        account, room = self._who(), self._room(request["collaborationIdentifier"])
        if account == self._account or account not in _members(room):
            raise ServiceError("AccessDeniedException", f"{account} is not invited to {_id(room)}", 403)
        if any((one.account, one.collaboration) == (account, _id(room)) for one in self._memberships.values()):
            raise ServiceError("ConflictException", f"{account} is a member of {_id(room)} already", 409)
        made = _Membership(
            id=str(uuid.uuid4()),
            account=account,
            collaboration=_id(room),
            created=self._clock(),
            result=request.get("defaultResultConfiguration"),
        )
        self._memberships[made.id] = made
        return {"membership": self._described_membership(made, room, request["queryLogStatus"])}

    def create_configured_table(self, request: Document) -> Document:
        """Configure a table of the caller's catalog, with the columns that it shares."""
        account = self._who()
        glue = request["tableReference"].get("glue")
        if glue is None:
            raise ServiceError("ValidationException", "tableReference: only Glue tables are in the laptop twin")
        existing = self._reader.columns(account, glue["databaseName"], glue["tableName"])
        columns = _checked(columns_allowed, request["name"], request["allowedColumns"], existing)
        made = _Configured(
            id=str(uuid.uuid4()),
            account=account,
            name=request["name"],
            table=glue,
            columns=columns,
            created=self._clock(),
        )
        self._configured[made.id] = made
        return {"configuredTable": _described_table(made)}

    def create_configured_table_analysis_rule(self, request: Document) -> Document:
        """Give a configured table its one rule."""
        table = self._own_table(request["configuredTableIdentifier"])
        if table.rule is not None:
            raise ServiceError("ConflictException", f"table {table.name} has an analysis rule; a table has one", 409)
        kind, policy = request["analysisRuleType"], request["analysisRulePolicy"]
        _checked(read_rule, table.name, kind, policy, table.columns)
        table.rule = (kind, policy)
        rule = {
            "configuredTableId": table.id,
            "configuredTableArn": table.arn,
            "policy": policy,
            "type": kind,
            "createTime": self._clock(),
            "updateTime": self._clock(),
        }
        return {"analysisRule": rule}

    def create_configured_table_association(self, request: Document) -> Document:
        """Bring a configured table into a collaboration, under the name by which queries call it."""
        membership = self._own_membership(request["membershipIdentifier"])
        table = self._own_table(request["configuredTableIdentifier"])
        if any(one.name == request["name"] for one in self._tables_of(membership.collaboration)):
            raise ServiceError("ConflictException", f"the collaboration has a table {request['name']}", 409)
        made = _Association(
            id=str(uuid.uuid4()),
            name=request["name"],
            membership=membership,
            configured=table,
            role_arn=request["roleArn"],
            created=self._clock(),
        )
        self._associations[made.id] = made
        association = {
            "arn": made.arn,
            "id": made.id,
            "configuredTableId": table.id,
            "configuredTableArn": table.arn,
            "membershipId": membership.id,
            "membershipArn": membership.arn,
            "roleArn": made.role_arn,
            "name": made.name,
            "createTime": made.created,
            "updateTime": made.created,
        }
        return {"configuredTableAssociation": association}

    # ---- looking around

    def list_schemas(self, request: Document) -> Document:
        """List the tables of a collaboration, to each of its members."""
        room = self._room(request["collaborationIdentifier"])
        self._require_member(room)
        listed = [
            {
                "name": one.name,
                "type": "TABLE",
                "creatorAccountId": one.configured.account,
                "createTime": one.created,
                "updateTime": one.created,
                "collaborationId": _id(room),
                "collaborationArn": room.attributes["Arn"],
                "analysisRuleTypes": [one.configured.rule[0]] if one.configured.rule else [],
                "analysisMethod": "DIRECT_QUERY",
            }
            for one in self._tables_of(_id(room))
        ]
        return {"schemaSummaries": listed}

    def get_schema_analysis_rule(self, request: Document) -> Document:
        """Return the rule of a table, to each member of the collaboration."""
        room = self._room(request["collaborationIdentifier"])
        self._require_member(room)
        wanted, kind = request["name"], request["type"]
        for one in self._tables_of(_id(room)):
            if one.name == wanted and one.configured.rule is not None and one.configured.rule[0] == kind:
                rule = {
                    "collaborationId": _id(room),
                    "type": kind,
                    "name": wanted,
                    "createTime": one.created,
                    "updateTime": one.created,
                    "policy": _counted(plain(one.configured.rule[1])),
                }
                return {"analysisRule": rule}
        raise _not_found(f"there is no table {wanted} with a rule of type {kind}")

    def list_collaboration_analysis_templates(self, request: Document) -> Document:
        """List the analysis templates of a collaboration, to each of its members."""
        room = self._room(request["collaborationIdentifier"])
        self._require_member(room)
        listed = [
            {
                "arn": one.attributes["Arn"],
                "id": one.physical_id,
                "name": one.properties["Name"],
                "createTime": self._clock(),
                "updateTime": self._clock(),
                "collaborationArn": room.attributes["Arn"],
                "collaborationId": _id(room),
                "creatorAccountId": self._account,
            }
            for one in self._deployed(TEMPLATE)
        ]
        return {"collaborationAnalysisTemplateSummaries": listed}

    def list_collaboration_privacy_budgets(self, request: Document) -> Document:
        """List what is left of a kind of budgets, to each member of the collaboration."""
        room = self._room(request["collaborationIdentifier"])
        self._require_member(room)
        wanted = request["privacyBudgetType"]
        listed = [
            {
                "id": one.physical_id,
                "privacyBudgetTemplateId": one.physical_id,
                "privacyBudgetTemplateArn": one.attributes["Arn"],
                "collaborationId": _id(room),
                "collaborationArn": room.attributes["Arn"],
                "creatorAccountId": self._account,
                "type": wanted,
                "createTime": self._clock(),
                "updateTime": self._clock(),
                "budget": self._described_budget(one),
            }
            for one in self._deployed(BUDGET)
            if one.properties["PrivacyBudgetType"] == wanted
        ]
        return {"collaborationPrivacyBudgetSummaries": listed}

    # ---- asking

    def start_protected_query(self, request: Document) -> Document:
        """Accept a query of the member that may ask; it runs in the background."""
        membership = self._own_membership(request["membershipIdentifier"])
        room = self._room(membership.collaboration)
        abilities = _members(room)[membership.account]
        for ability in ("CAN_QUERY", "CAN_RECEIVE_RESULTS"):
            if ability not in abilities:
                raise ServiceError("AccessDeniedException", f"member {membership.account} lacks {ability}", 403)
        output, role_arn = _destination(request.get("resultConfiguration"), membership)
        made = Query(
            id=str(uuid.uuid4()),
            membership=membership,
            stated=request["sqlParameters"],
            output=output,
            role_arn=role_arn,
            created=self._clock(),
        )
        with self._lock:
            self._queries[made.id] = made
        threading.Thread(target=self._run, args=(made,), name=f"protected-query-{made.id}", daemon=True).start()
        return {"protectedQuery": _described_query(made)}

    def get_protected_query(self, request: Document) -> Document:
        """Return a query with its state, to the member that asked it."""
        membership = self._own_membership(request["membershipIdentifier"])
        made = self._queries.get(request["protectedQueryIdentifier"])
        if made is None or made.membership is not membership:
            raise _not_found(f"there is no protected query {request['protectedQueryIdentifier']}")
        return {"protectedQuery": _described_query(made)}

    def _run(self, query: Query) -> None:
        query.status, query.started = "STARTED", self._clock()
        try:
            rows, columns = self._answer(query)
            prefix = query.output.get("keyPrefix", "").strip("/")
            key = "/".join(part for part in (prefix, query.id, "result.csv") if part)
            self._reader.write(query.role_arn, query.output["bucket"], key, _as_csv(columns, rows))
            query.location = f"s3://{query.output['bucket']}/{key}"
        except (QueryRefusedError, RuleError) as error:
            query.error = ("ValidationException", str(error))
        except BudgetUsedUpError as error:
            query.error = ("AccessDeniedException", str(error))
        except ServiceError as error:
            query.error = (error.code, error.message)
        except Exception:  # an engine's message quotes the values at which it failed, which are nobody's to see
            LOGGER.exception("the protected query %s failed", query.id)
            query.error = ("ENGINE_ERROR", "the engine could not run the query")
        query.ended = self._clock()
        self._note(query)
        query.status = "FAILED" if query.error else "SUCCESS"

    def _answer(self, query: Query) -> tuple[list[list[Any]], Sequence[str]]:
        """Check a query, take what it uses of the budgets, run it, and return its rows and columns."""
        associations = {one.name: one for one in self._tables_of(query.membership.collaboration)}
        text, template, parameters = self._question(query)
        query.statement = text

        def checked(sources: Mapping[str, str]) -> Plan:
            shared = {
                name: _shared(one, sources.get(name, "none"))
                for name, one in associations.items()
                if one.configured.rule
            }
            return plan(
                text,
                tables=shared,
                runner=query.membership.account,
                template=template,
                author=self._account if template else None,
                parameters=parameters,
            )

        made = checked({})
        used = [associations[name] for name in made.tables]
        for one in used:
            if one.receivers is not None and query.membership.account not in one.receivers:
                raise QueryRefusedError(f"table {one.name}: {query.membership.account} may not receive its results")
        people = self._take_budgets(made, used)
        sources: dict[str, str] = {}
        try:
            for one in used:
                sources[one.name] = self._reader.open(_place(one))
            made = checked(sources)
            rows = self._reader.run(made.sql)
        finally:
            for source in sources.values():
                self._reader.close(source)
        if made.measures is not None:
            return with_noise(made, rows, people, self._draw), made.columns
        return made.finish(rows), made.columns

    def _question(self, query: Query) -> tuple[str, str | None, dict[str, Any]]:
        """Return the text of a query, the template that it is from, and its parameters."""
        stated, arn = query.stated, query.stated.get("analysisTemplateArn")
        if arn is None:
            if stated.get("parameters"):
                raise QueryRefusedError("parameters are for analysis templates")
            return str(stated["queryString"]), None, {}
        template = next((one for one in self._deployed(TEMPLATE) if one.attributes["Arn"] == arn), None)
        if template is None:
            raise QueryRefusedError(f"there is no analysis template {arn}")
        given = stated.get("parameters", {})
        declared = {one["Name"]: one for one in template.properties.get("AnalysisParameters", ())}
        if unknown := sorted(set(given) - set(declared)):
            raise QueryRefusedError(f"parameter {unknown[0]}: the template has none of this name")
        values = {
            name: given.get(name, one.get("DefaultValue"))
            for name, one in declared.items()
            if name in given or "DefaultValue" in one
        }
        literals = {name: literal(name, declared[name]["Type"], str(value)) for name, value in values.items()}
        return str(template.properties["Source"]["Text"]), str(arn), literals

    def _take_budgets(self, made: Plan, used: Sequence[_Association]) -> int:
        """Take what a query uses; return how many people its noise hides."""
        month = self._clock().strftime("%Y-%m")
        templates = self._deployed(BUDGET)
        with self._lock:
            private = [
                one
                for one in templates
                if one.properties["PrivacyBudgetType"] == "DIFFERENTIAL_PRIVACY" and made.measures is not None
            ]
            if made.measures is not None and not private:
                raise QueryRefusedError("differential privacy protects a table of the query, and no budget is set")
            limited = {
                one.properties["Parameters"]["ResourceArn"]: self._access_budget(one)
                for one in templates
                if one.properties["PrivacyBudgetType"] == "ACCESS_BUDGET"
            }
            for one in used:
                if one.arn in limited and limited[one.arn].left(month) < 1:
                    limited[one.arn].take(one.name, month)  # which refuses, before anything is used
            for template in private:
                self._privacy_budget(template).take(made.measures or (), month)
            for one in used:
                if one.arn in limited:
                    limited[one.arn].take(one.name, month)
        return self._privacy_budget(private[0]).people if private else 0

    def _privacy_budget(self, template: Resource) -> PrivacyBudget:
        stated = template.properties["Parameters"]
        budget = self._privacy.setdefault(template.physical_id, PrivacyBudget(epsilon=1, people=1, monthly=True))
        budget.epsilon, budget.people = int(stated["Epsilon"]), int(stated["UsersNoisePerQuery"])
        budget.monthly = template.properties["AutoRefresh"] == "CALENDAR_MONTH"
        return budget

    def _access_budget(self, template: Resource) -> AccessBudget:
        [stated] = template.properties["Parameters"]["BudgetParameters"]
        if stated["Type"] not in {"CALENDAR_MONTH", "LIFETIME"}:
            raise QueryRefusedError(f"a budget of type {stated['Type']} is not in the laptop twin")
        budget = self._access.setdefault(template.physical_id, AccessBudget(limit=0, monthly=True))
        budget.limit = int(stated["Budget"])
        budget.monthly = stated["Type"] == "CALENDAR_MONTH" and stated.get("AutoRefresh") == "ENABLED"
        return budget

    def _note(self, query: Query) -> None:
        """Write a query into the log of each member, with its outcome and without its answer."""
        entry = {
            "eventTimestamp": (query.ended or query.created).isoformat(),
            "protectedQueryId": query.id,
            "queryRunnerAccountId": query.membership.account,
            "queryText": query.statement,
            "parameters": query.stated.get("parameters", {}),
            "status": "FAILED" if query.error else "SUCCESS",
            "error": query.error[1] if query.error else None,
        }
        for one in self._all_memberships():
            if one.collaboration == query.membership.collaboration:
                self._reader.log(one.account, one.id, entry)

    # ---- who and what there is

    def _who(self) -> str:
        return self._caller().split(":")[4] if self._caller() else self._account

    def _room(self, wanted: str) -> Resource:
        found = next(
            (one for one in self._deployed(COLLABORATION) if wanted in {_id(one), one.attributes["Arn"]}), None
        )
        if found is None:
            raise _not_found(f"there is no collaboration {wanted}")
        return found

    def _require_member(self, room: Resource) -> None:
        if self._who() not in _members(room):
            raise ServiceError("AccessDeniedException", f"{self._who()} is no member of {_id(room)}", 403)

    def _all_memberships(self) -> list[_Membership]:
        ours = [
            _Membership(
                id=_id(one),
                account=self._account,
                collaboration=one.properties["CollaborationIdentifier"],
                created=self._clock(),
            )
            for one in self._deployed(MEMBERSHIP)
        ]
        return [*ours, *self._memberships.values()]

    def _own_membership(self, wanted: str) -> _Membership:
        found = next((one for one in self._all_memberships() if wanted in {one.id, one.arn}), None)
        if found is None or found.account != self._who():
            raise _not_found(f"there is no membership {wanted}")
        return found

    def _own_table(self, wanted: str) -> _Configured:
        found = self._configured.get(wanted)
        if found is None or found.account != self._who():
            raise _not_found(f"there is no configured table {wanted}")
        return found

    def _tables_of(self, collaboration: str) -> list[_Association]:
        memberships = {one.id: one for one in self._all_memberships() if one.collaboration == collaboration}
        configured = {one.physical_id: one for one in self._deployed(CONFIGURED)}
        ours = [
            self._deployed_association(one, memberships[one.properties["MembershipIdentifier"]], configured)
            for one in self._deployed(ASSOCIATION)
            if one.properties["MembershipIdentifier"] in memberships
        ]
        return [*ours, *(one for one in self._associations.values() if one.membership.id in memberships)]

    def _deployed_association(
        self, one: Resource, membership: _Membership, configured: Mapping[str, Resource]
    ) -> _Association:
        stated = configured[one.properties["ConfiguredTableIdentifier"]]
        [rule] = stated.properties["AnalysisRules"]
        receivers = [
            account
            for limit in one.properties.get("ConfiguredTableAssociationAnalysisRules", ())
            for policy in limit["Policy"]["V1"].values()
            for account in policy.get("AllowedResultReceivers", ())
        ]
        table = _Configured(
            id=stated.physical_id,
            account=self._account,
            name=stated.properties["Name"],
            table=plain(stated.properties["TableReference"]["Glue"]),
            columns=frozenset(stated.properties["AllowedColumns"]),
            created=self._clock(),
            rule=(rule["Type"], rule["Policy"]),
        )
        return _Association(
            id=one.physical_id,
            name=one.properties["Name"],
            membership=membership,
            configured=table,
            role_arn=one.properties["RoleArn"],
            created=self._clock(),
            receivers=frozenset(receivers) if receivers else None,
        )

    # ---- descriptions

    def _described_membership(self, made: _Membership, room: Resource, logs: str) -> Document:
        pays = next(one for one in room.properties["Members"] if one["AccountId"] == made.account)
        described = {
            "id": made.id,
            "arn": made.arn,
            "collaborationArn": room.attributes["Arn"],
            "collaborationId": _id(room),
            "collaborationCreatorAccountId": self._account,
            "collaborationCreatorDisplayName": room.properties["CreatorDisplayName"],
            "collaborationName": room.properties["Name"],
            "createTime": made.created,
            "updateTime": made.created,
            "status": "ACTIVE",
            "memberAbilities": list(_members(room)[made.account]),
            "queryLogStatus": logs,
            "paymentConfiguration": {
                "queryCompute": {
                    "isResponsible": _is_true(pays["PaymentConfiguration"]["QueryCompute"]["IsResponsible"])
                }
            },
        }
        return {**described, **({"defaultResultConfiguration": made.result} if made.result else {})}

    def _described_budget(self, template: Resource) -> Document:
        month = self._clock().strftime("%Y-%m")
        if template.properties["PrivacyBudgetType"] == "DIFFERENTIAL_PRIVACY":
            budget = self._privacy_budget(template)
            left = budget.left(month)
            counts = [{"type": kind, "maxCount": budget.allowed, "remainingCount": left} for kind in _AGGREGATIONS]
            counts.append({"type": "AVG", "maxCount": budget.allowed // 2, "remainingCount": left // 2})
            return {"differentialPrivacy": {"aggregations": counts, "epsilon": budget.epsilon}}
        limited = self._access_budget(template)
        details = {
            "startTime": self._clock(),
            "remainingBudget": limited.left(month),
            "budget": limited.limit,
            "budgetType": template.properties["Parameters"]["BudgetParameters"][0]["Type"],
        }
        return {
            "accessBudget": {
                "resourceArn": template.properties["Parameters"]["ResourceArn"],
                "details": [details],
                "aggregateRemainingBudget": limited.left(month),
            }
        }


def _shared(one: _Association, source: str) -> SharedTable:
    configured = one.configured
    kind, policy = configured.rule or ("", {})
    return SharedTable(
        name=one.name,
        owner=configured.account,
        rule=read_rule(one.name, kind, policy, configured.columns),
        columns=configured.columns,
        source=source,
    )


def _place(one: _Association) -> Place:
    return Place(
        account=one.configured.account,
        database=one.configured.table["databaseName"],
        table=one.configured.table["tableName"],
        role_arn=one.role_arn,
    )


def _destination(stated: Document | None, membership: _Membership) -> tuple[Document, str]:
    """Return where a result goes, and the role that writes it."""
    default = membership.result or {}
    output = (stated or default).get("outputConfiguration", {})
    if "s3" not in output:
        raise ServiceError(
            "ValidationException", "resultConfiguration: name an S3 bucket here, or when the membership is created"
        )
    if output["s3"].get("resultFormat") != "CSV":
        raise ServiceError("ValidationException", "resultFormat: the laptop twin writes CSV alone")
    if "roleArn" not in default:
        raise ServiceError(
            "ValidationException", "defaultResultConfiguration.roleArn: the laptop twin writes results with this role"
        )
    return output["s3"], str(default["roleArn"])


def _as_csv(columns: Sequence[str], rows: Sequence[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(["" if value is None else value for value in row] for row in rows)
    return text.getvalue().encode()


def _described_query(made: Query) -> Document:
    described: Document = {
        "id": made.id,
        "membershipId": made.membership.id,
        "membershipArn": made.membership.arn,
        "createTime": made.created,
        "sqlParameters": made.stated,
        "status": made.status,
        "resultConfiguration": {"outputConfiguration": {"s3": made.output}},
    }
    if made.status in _ENDED and made.ended is not None and made.started is not None:
        taken = int((made.ended - made.started).total_seconds() * 1000)
        described["statistics"] = {"totalDurationInMillis": taken}
    if made.error is not None and made.status in _ENDED:
        described["error"] = {"code": made.error[0], "message": made.error[1]}
    if made.location and made.status in _ENDED:
        described["result"] = {"output": {"s3": {"location": made.location}}}
    return described


def _described_table(made: _Configured) -> Document:
    return {
        "id": made.id,
        "arn": made.arn,
        "name": made.name,
        "tableReference": {"glue": made.table},
        "createTime": made.created,
        "updateTime": made.created,
        "analysisRuleTypes": [made.rule[0]] if made.rule else [],
        "analysisMethod": "DIRECT_QUERY",
        "allowedColumns": sorted(made.columns),
    }


def _counted(value: Any) -> Any:
    """Return a policy with the numbers that a template may have written as text."""
    if isinstance(value, dict):
        return {name: int(one) if name == "minimum" else _counted(one) for name, one in value.items()}
    return [_counted(one) for one in value] if isinstance(value, list) else value


def _members(room: Resource) -> dict[str, Sequence[str]]:
    """Return the abilities of each account of a collaboration."""
    creator = room.attributes["Arn"].split(":")[4]
    invited = {one["AccountId"]: one.get("MemberAbilities", ()) for one in room.properties["Members"]}
    return {creator: room.properties.get("CreatorMemberAbilities", ()), **invited}


def _id(resource: Resource) -> str:
    return resource.physical_id


def _arn(account: str, path: str) -> str:
    return f"arn:aws:cleanrooms:{REGION}:{account}:{path}"


def _is_true(value: object) -> bool:
    """Read a boolean of a template, which may be written as text."""
    return str(value).lower() == "true"


def _checked(check: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a check returns, and refuse a call as the service does."""
    try:
        return check(*arguments)
    except RuleError as error:
        raise ServiceError("ValidationException", str(error)) from None


def _not_found(message: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", message, 404)
