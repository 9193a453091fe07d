"""Each persona: what it reads, and what it is refused, by whatever way it tries.

A refusal is asked for with queries that count and with keys that name no object, so that a leak shows no data.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from c360_core import contracts, projections
from c360_core.names import CATALOGED_ZONES, PiiClass, Zone, database_name
from c360_core.personas import PERSONAS, PersonaDefinition
from ops.persona_session import DENIED
from ops.smoke import queries
from ops.smoke.checks import check
from ops.smoke.deployed import Clients, DeployedEnvironment
from ops.smoke.errors import CheckFailedError, CheckSkippedError

ASSUME: Final = (
    "add the role that asks to governance.marketing_analyst_role_arns, or let it assume the role that starts "
    "deployments"
)
TIGHTEN: Final = (
    "the persona's role has a policy that the templates do not give it, or Lake Formation is open: read the checks of "
    "Lake Formation above, and deploy Governance again"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaSession:
    """A persona that asks.

    Attributes:
        client: gives a boto3 client that acts as the persona's role.
        workgroup: the persona's own.
    """

    persona: PersonaDefinition
    client: Clients
    workgroup: str

    def may(self, what: str, call: Callable[[], object]) -> str:
        """Return what a call that must be refused did instead; empty if it was refused."""
        try:
            call()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            return "" if code in DENIED else f"{self.persona.name}: {what} was answered with {code}, and not refused"
        return f"{self.persona.name} may {what}"

    def may_query(self, sql: str, *, hides: bool = False) -> str:
        """Return what a query that must be refused did instead; empty if it was refused.

        Args:
            sql: the query.
            hides: the table may be hidden from the persona as a whole.
        """
        try:
            queries.run(self.client("athena"), self.workgroup, sql)
        except queries.QueryFailedError as error:
            if error.refused or (hides and error.hidden):
                return ""
            return f"{self.persona.name}: {error}, which is no refusal"
        return f"{self.persona.name} may {sql}"


def _sessions(deployed: DeployedEnvironment) -> Iterator[PersonaSession | str]:
    """Yield a session of each persona, or the reason why there is none."""
    for persona in PERSONAS:
        role = deployed.output(persona.role_output)
        try:
            client = deployed.as_role(role)
        except ClientError as error:
            if error.response["Error"]["Code"] not in DENIED:
                raise
            yield f"{role} may not be assumed: {error.response['Error'].get('Message', 'no reason')}"
        else:
            yield PersonaSession(persona=persona, client=client, workgroup=deployed.workgroup(persona))


def _each(deployed: DeployedEnvironment, ask: Callable[[PersonaSession], tuple[str, list[str]]]) -> str:
    """Ask as each persona; `ask` returns what it found, and what is wrong.

    Raises:
        CheckFailedError: something is wrong.
        CheckSkippedError: a persona could not be asked as.
    """
    found, wrong, unasked = [], list[str](), []
    for session in _sessions(deployed):
        if isinstance(session, str):
            unasked.append(session)
            continue
        text, faults = ask(session)
        found.append(f"{session.persona.name} {text}")
        wrong += filter(None, faults)
    if wrong:
        raise CheckFailedError("; ".join(wrong))
    if unasked:
        raise CheckSkippedError("; ".join([*unasked, *found]), fix=ASSUME)
    return "; ".join(found)


def _columns(persona: PersonaDefinition) -> Iterator[tuple[contracts.Table, str, PiiClass]]:
    """Yield the columns that have a contract in the persona's zones, with their classes."""
    for table in contracts.load().lake_tables():
        if table.zone in persona.zones:
            for column, stated in projections.lakeformation_tags(table).items():
                yield table, column, stated


def _count_of(deployed: DeployedEnvironment, table: contracts.Table, column: str) -> str:
    database = database_name(deployed.environment, table.zone)
    return f'SELECT count("{column}") FROM {database}.{table.name}'  # noqa: S608  # names of the contracts


@check(
    "persona reads",
    fix="the persona needs its workgroup, the prefix of its results, the key, and the tags of step 5's grants: deploy "
    "Governance again",
)
def reads(deployed: DeployedEnvironment) -> str:
    """Each persona queries a column that it may read, in its own workgroup."""

    def ask(session: PersonaSession) -> tuple[str, list[str]]:
        classes = session.persona.classes
        table, column, _ = next(one for one in _columns(session.persona) if one[2] in classes)
        queries.run(session.client("athena"), session.workgroup, _count_of(deployed, table, column))
        return f"reads {table.name}.{column} in {session.workgroup}", []

    return _each(deployed, ask)


@check("persona columns", fix=TIGHTEN)
def columns(deployed: DeployedEnvironment) -> str:
    """Lake Formation refuses each persona a column of every class that it may not read."""

    def ask(session: PersonaSession) -> tuple[str, list[str]]:
        closed: dict[PiiClass, tuple[contracts.Table, str]] = {}
        for table, column, stated in _columns(session.persona):
            if stated not in session.persona.classes:
                closed.setdefault(stated, (table, column))
        faults = [session.may_query(_count_of(deployed, *place)) for place in closed.values()]
        return f"is refused {', '.join(f'{table.name}.{column}' for table, column in closed.values())}", faults

    return _each(deployed, ask)


@check("persona zones", fix=TIGHTEN)
def zones(deployed: DeployedEnvironment) -> str:
    """Each persona is refused the tables of the zones that are not its own."""

    def ask(session: PersonaSession) -> tuple[str, list[str]]:
        others = [zone for zone in CATALOGED_ZONES if zone not in session.persona.zones]
        first = {table.zone: table for table in reversed(contracts.load().lake_tables())}
        faults = [
            session.may_query(
                f"SELECT count(*) FROM {database_name(deployed.environment, zone)}.{first[zone].name}",  # noqa: S608
                hides=True,
            )
            for zone in others
        ]
        return f"is refused {', '.join(others)}", faults

    return _each(deployed, ask)


@check("persona buckets", fix=TIGHTEN)
def buckets(deployed: DeployedEnvironment) -> str:
    """No persona reaches the files of the lake, past Lake Formation."""
    zones = [zone for zone in Zone if zone is not Zone.RESULTS]
    names = {zone: deployed.output(f"{zone.title()}BucketName") for zone in zones}

    def ask(session: PersonaSession) -> tuple[str, list[str]]:
        s3 = session.client("s3")
        faults = [fault for zone, name in names.items() for fault in _attempts_on(session, s3, zone, name)]
        return f"is refused the objects of {', '.join(names)}", faults

    return _each(deployed, ask)


def _attempts_on(session: PersonaSession, s3: Any, what: str, bucket: str, prefix: str = "") -> list[str]:
    """Return what a persona may do under a prefix of a bucket."""
    key = f"{prefix}smoke-test/no-such-object"
    return [
        session.may(f"list {what}", lambda: s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)),
        session.may(f"read {what}", lambda: s3.get_object(Bucket=bucket, Key=key)),
    ]


@check("persona results", fix=TIGHTEN)
def results(deployed: DeployedEnvironment) -> str:
    """No persona asks in another workgroup, or reads what was answered there."""
    athena, own = deployed.client("athena"), deployed.operators_workgroup
    try:
        execution = queries.run(athena, own, "SELECT 1")
    except queries.QueryFailedError as error:
        raise CheckSkippedError(f"there is no answer to read: {error}") from error
    done = athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]
    bucket, _, key = done["ResultConfiguration"]["OutputLocation"].removeprefix("s3://").partition("/")

    def ask(session: PersonaSession) -> tuple[str, list[str]]:
        others = sorted(set(deployed.ids("AWS::Athena::WorkGroup")) - {session.workgroup})
        if own not in others:
            raise CheckSkippedError(f"{session.persona.name} asks in the workgroup of the operators, {own}")
        client, s3 = session.client("athena"), session.client("s3")
        faults = [
            session.may(f"read the answers in {own}", lambda: client.get_query_results(QueryExecutionId=execution)),
            session.may(f"see the queries in {own}", lambda: client.get_query_execution(QueryExecutionId=execution)),
            session.may(f"read the results of {own}", lambda: s3.get_object(Bucket=bucket, Key=key)),
            *_attempts_on(session, s3, f"the results of {own}", bucket, f"{key.rpartition('/')[0]}/"),
        ]
        for other in others:
            faults += _attempts_in(session, client, other)
        return f"is refused {', '.join(others)}", faults

    return _each(deployed, ask)


def _attempts_in(session: PersonaSession, client: Any, workgroup: str) -> list[str]:
    """Return what a persona may do in another's workgroup."""
    return [
        session.may(
            f"ask in {workgroup}", lambda: client.start_query_execution(QueryString="SELECT 1", WorkGroup=workgroup)
        ),
        session.may(
            f"list the queries of {workgroup}", lambda: client.list_query_executions(WorkGroup=workgroup, MaxResults=1)
        ),
    ]
