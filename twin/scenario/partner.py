"""A partner with an account of its own: it joins the clean room, brings its audience, and asks.

Whom it meets is worked out another way: from the single view's consents and the records, in Python's sets.
"""

import csv
import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from c360_core.consent import Channel, Consent, ConsentStatus, Purpose, consent_from_change, consent_status
from c360_core.identity.normalise import normalise_email
from c360_core.names import TableName, Zone, database_name
from twin.principals import Principal
from twin.scenario.deployment import Deployment, StepFailedError
from twin.scenario.result import Check
from twin.scenario.waiting import until
from twin.settings import PARTNER_ACCOUNT

BUCKET: Final = "partner-audiences"
DATABASE: Final = "marketing"
TABLE: Final = "audience"
CAMPAIGN: Final = "spring"
COLUMNS: Final = ("email_sha256", "campaign", "variant", "seen_on")
STRANGERS: Final = 25
QUERY_SECONDS: Final = 120.0
MET: Final = (
    "SELECT COUNT(DISTINCT c.email_sha256) AS people FROM customers c "
    "INNER JOIN audience_counts a ON c.email_sha256 = a.email_sha256"
)
ATTACKS: Final = (
    MET.replace("COUNT(DISTINCT c.email_sha256)", "ARRAY_AGG(c.email_sha256)"),
    MET.replace("COUNT(DISTINCT c.email_sha256)", "c.email_sha256"),
    f"{MET} UNION ALL {MET}",
    f"{MET} WHERE c.email_sha256 = 'x'",
    "SELECT COUNT(DISTINCT email_sha256) FROM customers",
    "SELECT COUNT(DISTINCT email_sha256) FROM people",
)
_SERDE: Final = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
_TRUST: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cleanrooms.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of the customers without the clean room.

    Attributes:
        addresses: normalised addresses of the profiles.
        shared: of these, those whose only owner agrees to marketing by e-mail.
    """

    addresses: frozenset[str]
    shared: frozenset[str]


def checks(deployment: Deployment, withdrawn: str) -> list[Check]:
    """Let the partner join and ask; compare its answer with the sets.

    Args:
        deployment: with its marts built.
        withdrawn: the id of a customer who withdrew the consent.
    """
    known = _known(deployment)
    room = _Partner(deployment, [_hash(address) for address in sorted(known.addresses)])
    met = room.ask(queryString=MET)
    if not met:
        raise StepFailedError(f"the partner meets {len(known.shared)} customers, which is fewer than an answer takes")
    refused = sum(room.is_refused(attack) for attack in ATTACKS)
    room.ask(analysisTemplateArn=room.templates["audience_overlap"])
    addresses = _addresses_of(deployment, withdrawn)
    return [
        Check(
            name="customers that a partner meets in the clean room", expected=len(known.shared), actual=int(met[0][0])
        ),
        Check(name="attacks in the clean room that are refused", expected=len(ATTACKS), actual=refused),
        Check(
            name="addresses in the clean room of who withdrew",
            expected=0,
            actual=deployment.count(_products(deployment, TableName.SHARED_PEOPLE), _one_of(addresses)),
        ),
    ]


class _Partner:
    """The partner, in its account, as a member of the collaboration.

    Attributes:
        templates: ARNs of the analysis templates by name.
    """

    def __init__(self, deployment: Deployment, hashes: Sequence[str]) -> None:
        self._deployment = deployment
        self._rooms = self._client("cleanrooms")
        self._bring(hashes)
        role = self._role("clean-room", "glue:*", "s3:*")
        [room] = self._rooms.list_collaborations()["collaborationList"]
        found = self._rooms.list_collaboration_analysis_templates(collaborationIdentifier=room["id"])
        self.templates = {one["name"]: one["arn"] for one in found["collaborationAnalysisTemplateSummaries"]}
        joined = self._rooms.create_membership(
            collaborationIdentifier=room["id"],
            queryLogStatus="ENABLED",
            paymentConfiguration={"queryCompute": {"isResponsible": True}},
            defaultResultConfiguration={
                "outputConfiguration": {"s3": {"resultFormat": "CSV", "bucket": BUCKET, "keyPrefix": "answers"}},
                "roleArn": role,
            },
        )
        self._membership = joined["membership"]["id"]
        custom = {"custom": {"allowedAnalyses": list(self.templates.values())}}
        counted = {
            "aggregation": {
                "aggregateColumns": [{"columnNames": ["email_sha256"], "function": "COUNT_DISTINCT"}],
                "joinColumns": ["email_sha256"],
                "dimensionColumns": ["campaign", "variant"],
                "scalarFunctions": [],
                "outputConstraints": [{"columnName": "email_sha256", "minimum": 2, "type": "COUNT_DISTINCT"}],
            }
        }
        self._configure("audience", "CUSTOM", custom, role)
        self._configure("audience_counts", "AGGREGATION", counted, role)

    def ask(self, **parameters: Any) -> list[list[str]]:
        """Return the rows of an answer, without their header.

        Raises:
            StepFailedError: the query was refused or failed.
        """
        query = self._ended(**parameters)
        if query["status"] != "SUCCESS":
            raise StepFailedError(f"protected query: {query['error']['message']}")
        bucket, _, key = query["result"]["output"]["s3"]["location"].removeprefix("s3://").partition("/")
        body = self._client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
        return list(csv.reader(io.StringIO(body)))[1:]

    def is_refused(self, query: str) -> bool:
        """Say whether a rule refuses a query."""
        ended = self._ended(queryString=query)
        return bool(ended["status"] == "FAILED" and ended["error"]["code"] == "ValidationException")

    def _ended(self, **parameters: Any) -> dict[str, Any]:
        started = self._rooms.start_protected_query(
            type="SQL", membershipIdentifier=self._membership, sqlParameters=parameters
        )["protectedQuery"]["id"]
        found: dict[str, Any] = until(
            f"the protected query {started} has ended",
            lambda: self._rooms.get_protected_query(
                membershipIdentifier=self._membership, protectedQueryIdentifier=started
            )["protectedQuery"],
            lambda query: query["status"] in {"SUCCESS", "FAILED"},
            seconds=QUERY_SECONDS,
            pause=0.1,
        )
        return found

    def _configure(self, name: str, kind: str, policy: Mapping[str, Any], role: str) -> None:
        table = self._rooms.create_configured_table(
            name=name,
            tableReference={"glue": {"databaseName": DATABASE, "tableName": TABLE}},
            allowedColumns=list(COLUMNS),
            analysisMethod="DIRECT_QUERY",
        )["configuredTable"]["id"]
        self._rooms.create_configured_table_analysis_rule(
            configuredTableIdentifier=table, analysisRuleType=kind, analysisRulePolicy={"v1": policy}
        )
        self._rooms.create_configured_table_association(
            name=name, membershipIdentifier=self._membership, configuredTableIdentifier=table, roleArn=role
        )

    def _bring(self, hashes: Sequence[str]) -> None:
        """Put the partner's audience into its own bucket and catalog: our customers among strangers."""
        people = [*hashes, *(_hash(f"stranger-{number}@example.net") for number in range(STRANGERS))]
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        writer.writerows(
            (one, CAMPAIGN, "ad" if number % 2 else "control", "2026-01-01") for number, one in enumerate(people)
        )
        s3, glue = self._client("s3"), self._client("glue")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key=f"{TABLE}/people.csv", Body=text.getvalue().encode())
        glue.create_database(DatabaseInput={"Name": DATABASE})
        columns = [{"Name": name, "Type": "date" if name == "seen_on" else "string"} for name in COLUMNS]
        storage = {
            "Columns": columns,
            "Location": f"s3://{BUCKET}/{TABLE}/",
            "SerdeInfo": {"SerializationLibrary": _SERDE},
        }
        parameters = {"classification": "csv", "skip.header.line.count": "1"}
        glue.create_table(
            DatabaseName=DATABASE,
            TableInput={
                "Name": TABLE,
                "TableType": "EXTERNAL_TABLE",
                "Parameters": parameters,
                "StorageDescriptor": storage,
            },
        )

    def _role(self, name: str, *actions: str) -> str:
        """Make a role of the partner's for Clean Rooms."""
        iam = self._client("iam")
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_TRUST))["Role"]["Arn"]
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=name, PolicyName="Own", PolicyDocument=document)
        if arn.split(":")[4] != PARTNER_ACCOUNT:
            raise StepFailedError(f"{arn} is not in the partner's account {PARTNER_ACCOUNT}")
        return arn

    def _client(self, service: str) -> Any:
        return self._deployment.client(service, Principal.PARTNER)


def _known(deployment: Deployment) -> Known:
    """Return whose addresses the single view has, and who of them may be shared."""
    agreed: dict[str, list[Consent]] = defaultdict(list)
    for item in deployment.items("CONSENT#"):
        if "granted" in item:  # others record an answer that was retracted
            agreed[str(item["PK"])].append(consent_from_change(item))
    owners: dict[str, set[str]] = defaultdict(set)
    for person, owned in _owned(deployment):
        owners[owned].add(person)
    addresses, shared = set[str](), set[str]()
    for item in deployment.profiles():
        address = normalise_email(item.get("attributes", {}).get("email")).value
        if address is None or address not in owners:
            continue
        addresses.add(address)
        status = consent_status(agreed[str(item["PK"])], Purpose.MARKETING, Channel.EMAIL)
        if status is ConsentStatus.GRANTED and len(owners[address]) == 1:
            shared.add(address)
    return Known(addresses=frozenset(addresses), shared=frozenset(shared))


def _owned(deployment: Deployment) -> list[tuple[str, str]]:
    """Return each address of each person of now."""
    curated = database_name(deployment.emulator.settings.environment, Zone.CURATED)
    rows = deployment.query(
        f"SELECT DISTINCT m.person_id, r.email FROM {curated}.{TableName.IDENTITY_MAP} m "  # noqa: S608  # our own names
        f"JOIN {curated}.{TableName.IDENTITY_RECORDS} r ON m.record_id = r.record_id "
        "WHERE m.valid_to IS NULL AND r.email IS NOT NULL"
    )
    return [(str(person), str(address)) for person, address in rows]


def _addresses_of(deployment: Deployment, person_id: str) -> list[str]:
    return [_hash(address) for person, address in _owned(deployment) if person == person_id]


def _products(deployment: Deployment, table: TableName) -> str:
    return f"{database_name(deployment.emulator.settings.environment, Zone.PRODUCTS)}.{table}"


def _one_of(hashes: Sequence[str]) -> str:
    if not hashes:
        raise StepFailedError("the customer who withdrew has no address, so that nothing was tried")
    return f"email_sha256 IN ({', '.join(repr(one) for one in hashes)})"


def _hash(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()
