"""Advertising platforms on this machine, and whom they have in the end: whoever agreed and is in the segment.

That is worked out another way: from the single view's consents and segments and from the records, in Python's sets.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from c360_core.consent import Channel, Consent, ConsentStatus, Purpose, consent_from_change, consent_status
from c360_core.names import TableName, Zone, database_name
from twin.principals import Principal
from twin.scenario.deployment import Deployment, StepFailedError
from twin.scenario.outside import port_of
from twin.scenario.result import Check
from twin.vendors.google_audiences import GoogleAudiencesServer
from twin.vendors.meta_audiences import MetaAudiencesServer

_OUTPUT: Final = re.compile("Audience.+StateMachineArn")


def checks(deployment: Deployment, withdrawn: str) -> list[Check]:
    """Bring both audiences up to date, and compare whom the platforms have with the sets.

    Args:
        deployment: with its marts built.
        withdrawn: the id of a customer who withdrew the consent.

    Raises:
        StepFailedError: a run failed, or the sets prove nothing.
    """
    told = {output: _told(deployment, output) for output in deployment.outputs if _OUTPUT.fullmatch(output)}
    google, meta = (_of(told, name) for name in ("google", "meta"))
    owners = _owners(deployment)
    wanted = _wanted(deployment, owners, google["segment"])
    gone = {value for value, people in owners.items() if withdrawn in people}
    if not wanted or not gone:
        raise StepFailedError("nobody is in the segment and agreed, or whoever withdrew has no address")
    with (
        GoogleAudiencesServer(
            account=google["account"], audience=google["audience_id"], port=port_of(google["url"]), calls_per_token=2
        ) as first,
        MetaAudiencesServer(audience=meta["audience_id"], port=port_of(meta["url"])) as second,
    ):
        signed_in = {"client_id": "c", "client_secret": "s", "refresh_token": first.consent}
        _store(deployment, google["secret"], {**signed_in, "token_uri": f"{first.address}/token"})
        _store(deployment, meta["secret"], {"access_token": second.new_token()})
        for output in told:
            deployment.execute(output)
    hashes = {_hash(one) for one in gone} | {_hash(one.removeprefix("+")) for one in gone}
    return [
        Check(
            name="members of the audience at Google",
            expected=len(wanted),
            actual=len(first.members & {_google(one) for one in wanted}) if len(first.members) == len(wanted) else -1,
        ),
        Check(
            name="members of the audience at Meta",
            expected=len(wanted),
            actual=len(second.members & {_meta(one) for one in wanted}) if len(second.members) == len(wanted) else -1,
        ),
        Check(
            name="hashes of who withdrew, at advertising platforms",
            expected=0,
            actual=sum(sha256 in hashes for _, sha256 in (*first.members, *second.members)),
        ),
    ]


def _owners(deployment: Deployment) -> Mapping[str, set[str]]:
    """Return whose each address and each number is."""
    curated = database_name(deployment.emulator.settings.environment, Zone.CURATED)
    owners: dict[str, set[str]] = defaultdict(set)
    for column in ("email", "phone"):
        rows = deployment.query(
            f"SELECT DISTINCT m.person_id, r.{column} FROM {curated}.{TableName.IDENTITY_MAP} m "  # noqa: S608  # our own names
            f"JOIN {curated}.{TableName.IDENTITY_RECORDS} r ON m.record_id = r.record_id "
            f"WHERE m.valid_to IS NULL AND r.{column} IS NOT NULL"
        )
        for person, value in rows:
            owners[str(value)].add(str(person))
    return owners


def _wanted(deployment: Deployment, owners: Mapping[str, set[str]], segment: str) -> set[str]:
    """Return the addresses and numbers of the members of a segment that are theirs alone and that they agreed to."""
    agreed: dict[str, list[Consent]] = defaultdict(list)
    for item in deployment.items("CONSENT#"):
        if "granted" in item:  # others record an answer that was retracted
            agreed[str(item["PK"])].append(consent_from_change(item))
    members = {str(item["PK"]) for item in deployment.profiles() if segment in item["segments"]}
    found = set()
    for value, people in owners.items():
        keys = {f"PERSON#{person}" for person in people}
        channel = Channel.SMS if value.startswith("+") else Channel.EMAIL
        if len(keys) == 1 and keys <= members and all(_agrees(agreed[key], channel) for key in keys):
            found.add(value)
    return found


def _agrees(consents: list[Consent], channel: Channel) -> bool:
    return consent_status(consents, Purpose.MARKETING, channel) is ConsentStatus.GRANTED


def _google(value: str) -> tuple[str, str]:
    return ("phoneNumber" if value.startswith("+") else "emailAddress", _hash(value))


def _meta(value: str) -> tuple[str, str]:
    return ("PHONE" if value.startswith("+") else "EMAIL", _hash(value.removeprefix("+")))


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def _told(deployment: Deployment, output: str) -> Mapping[str, Any]:
    """Return what a deployed machine tells its function of an audience."""
    machine = deployment.outputs[output]
    described = deployment.client("stepfunctions").describe_state_machine(stateMachineArn=machine)
    [found] = _audiences(json.loads(described["definition"]))
    return found


def _audiences(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, dict):
        if isinstance(node.get("audience"), dict):
            yield node["audience"]
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from _audiences(part)


def _of(told: Mapping[str, Mapping[str, Any]], platform: str) -> Mapping[str, Any]:
    [found] = [audience for audience in told.values() if audience["platform"] == platform]
    return found


def _store(deployment: Deployment, name: str, credentials: Mapping[str, Any]) -> None:
    """Store credentials, as an operator does before the first run."""
    deployment.client("secretsmanager", Principal.ADMINISTRATOR).create_secret(
        Name=name, SecretString=json.dumps(credentials)
    )
