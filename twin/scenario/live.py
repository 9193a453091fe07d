"""New people turn up while the platform runs: their events, the decisions, and the mails that are sent."""

import csv
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx

from c360_core.delivery import Outcome
from c360_core.identity.keys import mask_email
from c360_core.play import SENTIMENT
from c360_core.single_view_keys import PARTITION, PROFILE, person_key, person_partition
from twin.emulator.emulator import HEALTH_PATH
from twin.principals import Principal
from twin.scenario import straight
from twin.scenario.api import ProfileApiClient
from twin.scenario.collect import CollectorClient, land, produce
from twin.scenario.deployment import Deployment, StepFailedError, files_of
from twin.scenario.history import INGEST_SECONDS, WEB
from twin.scenario.result import SentMessage
from twin.scenario.waiting import until
from twin.shoppers.live import LiveCustomer, LiveScenario, Row

PROBES: Final = 20
PROBE_SECONDS: Final = 60.0
PROBE_AMOUNT: Final = "1.00"
EFFECT_SECONDS: Final = 120.0
MESSAGES_PATH: Final = HEALTH_PATH.replace("health", "ses/messages")
FILES: Final[Mapping[str, Callable[[LiveCustomer], tuple[Row, ...]]]] = {
    "crm_contacts": lambda person: (person.contact,),
    "loyalty_members": lambda person: (person.member,),
    "support_cases": lambda person: person.cases,
}


def introduce(deployment: Deployment, people: LiveScenario, folder: Path) -> None:
    """Land what CRM, loyalty programme and call centre say of the new people, and a score; wait until that is there."""
    before = files_of(deployment.ingestions())
    files = deployment.client("s3", Principal.SOURCE)
    for source, rows_of in FILES.items():
        path = folder / f"{source}-live.csv"
        _write_rows(path, [row for person in people.all for row in rows_of(person)])
        land(files, deployment.outputs["LandingBucketName"], path, key=f"{source}/{path.name}")
    scored = [json.dumps(person.scored) for person in people.all if person.scored]
    produce(straight.sender(deployment, as_=Principal.SOURCE), scored)
    deployment.wait_for_files(before + len(FILES), seconds=INGEST_SECONDS)


def verify_sender(deployment: Deployment) -> None:
    """Verify the sender's domain in SES, as the operator does once by hand: a new account is in the sandbox."""
    configuration = deployment.client("lambda", Principal.OPERATOR).get_function_configuration(
        FunctionName=deployment.outputs["MessageSenderFunctionName"]
    )
    domain = configuration["Environment"]["Variables"]["SENDER_ADDRESS"].rpartition("@")[2]
    deployment.client("sesv2", Principal.OPERATOR).create_email_identity(EmailIdentity=domain)


def act(deployment: Deployment, person: LiveCustomer) -> int:
    """Send a new person's events on the web; return their number."""
    collector = CollectorClient(url=deployment.url("CollectorUrl"), credentials={WEB: deployment.credentials(WEB)})
    collector.send(WEB, [json.dumps(event) for event in person.events])
    return len(person.events)


def person_of(api: ProfileApiClient, person: LiveCustomer) -> str:
    """Wait until the single view knows a person by their e-mail address; return the person id."""
    found = until(
        f"the single view knows {person.role}",
        lambda: api.find(email=person.email),
        lambda seen: seen is not None,
        seconds=EFFECT_SECONDS,
    )
    return str((found or {})["person_id"])


def decisions_about(api: ProfileApiClient, person_id: str, *, play: str) -> list[dict[str, Any]]:
    """Wait until a play has decided about a person; return all decisions, that of the play first."""
    found = until(
        f"a decision of {play} about {person_id}",
        lambda: api.page(person_id, "decisions"),
        lambda seen: any(one["trigger"] == play for one in seen),
        seconds=EFFECT_SECONDS,
    )
    return sorted(found, key=lambda one: one["trigger"] != play)


def mood_of(api: ProfileApiClient, person_id: str) -> Decimal:
    """Wait until what a person wrote has a score in the single view; return it."""
    found = until(
        f"the single view has the mood of {person_id}",
        lambda: (api.get(person_id) or {}).get("scores") or {},
        lambda seen: SENTIMENT in seen,
        seconds=EFFECT_SECONDS,
    )
    return Decimal(str(found[SENTIMENT]))


def outbox(deployment: Deployment) -> list[SentMessage]:
    """Return the mails that left, recipients masked."""
    return [_message(mail) for mail in raw_outbox(deployment.emulator.settings.endpoint)]


def raw_outbox(endpoint: str) -> list[dict[str, Any]]:
    """Return the mails that left, as the emulator keeps them."""
    answer = httpx.get(f"{endpoint}{MESSAGES_PATH}", timeout=20)
    answer.raise_for_status()
    by_account: dict[str, list[dict[str, Any]]] = answer.json()["messages"]
    return [mail for mails in by_account.values() for mail in mails]


def follow_link(deployment: Deployment, api: ProfileApiClient, person: LiveCustomer, person_id: str) -> str:
    """Follow the first link in the only mail to a person; return what the single view then says of the message."""
    tracked = re.findall(r'href="([^"]+)"', _only_mail(deployment, person)["BodyHtml"])[0]
    answer = httpx.get(tracked, timeout=20)
    if answer.status_code != httpx.codes.FOUND:
        raise StepFailedError(f"{tracked}: status {answer.status_code}, no link that SES tracks")
    return until(
        f"it is known that {person.role} followed the link",
        lambda: [str(message["outcome"]) for message in api.page(person_id, "messages")][:1],
        lambda seen: seen == [str(Outcome.CLICKED)],
        seconds=EFFECT_SECONDS,
    )[0]


def unsubscribe(deployment: Deployment, person: LiveCustomer) -> None:
    """Press the button of a mail program: it posts to the link in the only mail to a person (RFC 8058)."""
    text = _only_mail(deployment, person)["BodyText"]
    found = re.findall(r"https://\S+/v1/unsubscribe/(\S+)", text)[0]
    link = f"{deployment.url('UnsubscribeApiUrl')}/v1/unsubscribe/{found}"
    httpx.post(link, data={"List-Unsubscribe": "One-Click"}, timeout=20).raise_for_status()


def _only_mail(deployment: Deployment, person: LiveCustomer) -> dict[str, Any]:
    [mail] = [one for one in raw_outbox(deployment.emulator.settings.endpoint) if one["To"] == [person.email]]
    return mail


def mails_to(deployment: Deployment, person: LiveCustomer) -> list[SentMessage]:
    """Return the mails to one person."""
    masked = mask_email(person.email)
    return [message for message in outbox(deployment) if message.recipient == masked]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A live order whose way to the single view is timed."""

    person_id: str
    loyalty_id: str
    order_id: str


def latencies(deployment: Deployment, api: ProfileApiClient, loyalty_ids: list[str]) -> list[float]:
    """Send one live order for each card; return the seconds until each is counted in the single view."""
    known = [(card, api.find(loyalty_id=card)) for card in loyalty_ids]
    probes = {str(seen["person_id"]): card for card, seen in known if seen is not None}
    before = _live_orders(deployment, list(probes))
    stream = straight.sender(deployment, as_=Principal.SOURCE)
    sent: dict[str, float] = {}
    for number, (person_id, card) in enumerate(probes.items()):
        produce(stream, [json.dumps(_order(card, number))])
        sent[person_id] = time.monotonic()
    return _watch(deployment, before, sent)


def _watch(deployment: Deployment, before: Mapping[str, int], sent: Mapping[str, float]) -> list[float]:
    seen: dict[str, float] = {}

    def look() -> int:
        found = _live_orders(deployment, [person_id for person_id in sent if person_id not in seen])
        now = time.monotonic()
        seen.update({who: now - sent[who] for who, orders in found.items() if orders > before[who]})
        return len(seen)

    until("every probe is in the single view", look, lambda n: n == len(sent), seconds=PROBE_SECONDS, pause=0.05)
    return sorted(seen.values())


def _live_orders(deployment: Deployment, person_ids: list[str]) -> dict[str, int]:
    """Read the live orders of people out of the single view itself; to ask its API twenty times would time the API."""
    keys = [person_key(person_id, PROFILE) for person_id in person_ids]
    items = {str(item[PARTITION]): item for item in deployment.items_at(keys)}
    counted = {who: items[person_partition(who)].get("aggregates", {}).get("live_orders") for who in person_ids}
    return {who: int(orders or 0) for who, orders in counted.items()}


def _order(card: str, number: int) -> dict[str, Any]:
    now = datetime.now(UTC)
    order_id = f"probe-{now:%Y%m%d%H%M%S%f}-{number}"
    return {
        "event_id": order_id,
        "event_type": "order_placed",
        "source": "pos_transactions",
        "schema_version": 1,
        "occurred_at": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "identifiers": {"loyalty_id": [card]},
        "payload": {
            "order_id": order_id,
            "store_id": "1",
            "currency": "USD",
            "total": PROBE_AMOUNT,
            "lines": [{"product_id": "1", "quantity": 1, "amount": PROBE_AMOUNT}],
        },
    }


def _message(raw: Mapping[str, Any]) -> SentMessage:
    return SentMessage(
        recipient=mask_email(str(raw["To"][0])) or "unreadable",
        subject=str(raw["Subject"]),
        body=str(raw["BodyText"]),
    )


def _write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
