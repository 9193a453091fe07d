"""SES's stand-in: what the mailbox simulator does, the suppression list, tracked links, and what is reported of it."""

import asyncio
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.delivery_reports.mail import read_mail_report
from tests.factories.ses_reports import DETAIL_TYPES, ses_report
from twin.emulator.wire import ServiceError, Wire
from twin.providers.ses.mailboxes import SIMULATOR, Mail, reports_of, seen, written_to
from twin.providers.ses.suppression import SuppressionList
from twin.providers.ses.tracking import served, tracked

ENDPOINT = "http://127.0.0.1:1"


def mail(to: str) -> Mail:
    return Mail(
        message_id="id-1",
        source="hello@shop.example.com",
        identity="arn:aws:ses:us-east-1:123456789012:identity/shop.example.com",
        account="123456789012",
        recipients=(to,),
        configuration_set="set",
        tags={"message_id": ["m_1"]},
        headers=({"Name": "List-Unsubscribe", "Value": "<https://links.example.com/>"},),
        sent_at=datetime(2026, 3, 2, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("to", "kinds"),
    [
        (f"success@{SIMULATOR}", ["SEND", "DELIVERY"]),
        (f"ooto+label@{SIMULATOR}", ["SEND", "DELIVERY"]),
        (f"bounce+label@{SIMULATOR}", ["SEND", "BOUNCE"]),
        (f"Complaint@{SIMULATOR}", ["SEND", "DELIVERY", "COMPLAINT"]),
        (f"suppressionlist+x@{SIMULATOR}", ["SEND", "BOUNCE"]),
        ("bounce@shop.example.com", ["SEND", "DELIVERY"]),
    ],
)
def test_an_address_says_what_becomes_of_a_mail(to: str, kinds: list[str]) -> None:
    assert [report.kind for report in reports_of(mail(to), {})] == kinds


@pytest.mark.parametrize(
    ("to", "suppressed", "subtype", "tried"),
    [
        (f"bounce@{SIMULATOR}", {}, "General", True),
        (f"suppressionlist@{SIMULATOR}", {}, "Suppressed", False),
        ("ada@mail.org", {"ada@mail.org": "COMPLAINT"}, "OnAccountSuppressionList", False),
    ],
)
def test_a_bounce_says_why(to: str, suppressed: dict[str, str], subtype: str, *, tried: bool) -> None:
    bounce = list(reports_of(mail(to), suppressed))[-1]
    assert bounce.detail()["bounce"]["bounceSubType"] == subtype
    assert written_to(to, suppressed) is tried


def test_reports_have_the_form_of_awss_examples_and_are_read() -> None:
    made = [
        *reports_of(mail(f"complaint@{SIMULATOR}"), {}),
        *reports_of(mail(f"bounce@{SIMULATOR}"), {}),
        seen(mail("ada@mail.org"), link=None),
        seen(mail("ada@mail.org"), link="https://shop.example.com/"),
    ]
    for report in made:
        detail = report.detail()
        if report.kind == "SEND":
            assert read_mail_report(detail) is None
            continue
        example = ses_report(detail["eventType"])["detail"]
        assert report.detail_type == DETAIL_TYPES[detail["eventType"]]
        assert set(detail) == set(example)
        [name] = set(detail) - {"eventType", "mail"}
        assert set(detail[name]) == set(example[name])
        assert set(detail["mail"]) == set(example["mail"])
        read = read_mail_report(detail)
        assert read is not None
        assert read.message_id == "m_1"


def test_the_suppression_list_keeps_addresses_with_their_newest_reason() -> None:
    listed = SuppressionList()
    wire = Wire("sesv2", listed)
    for address, reason in (("Ada@Mail.org", "BOUNCE"), ("bob@mail.org", "BOUNCE"), ("ada@mail.org", "COMPLAINT")):
        wire.invoke("PutSuppressedDestination", {"EmailAddress": address, "Reason": reason})

    assert listed.reason("ADA@mail.org") == "COMPLAINT"
    found = wire.invoke("ListSuppressedDestinations", {"Reasons": ["BOUNCE"]})["SuppressedDestinationSummaries"]
    assert [entry["EmailAddress"] for entry in found] == ["bob@mail.org"]
    shown = wire.invoke("GetSuppressedDestination", {"EmailAddress": "Ada@mail.org"})["SuppressedDestination"]
    assert (shown["EmailAddress"], shown["Reason"]) == ("ada@mail.org", "COMPLAINT")
    wire.invoke("DeleteSuppressedDestination", {"EmailAddress": "ada@mail.org"})
    assert listed.reason("ada@mail.org") is None
    with pytest.raises(ServiceError, match="does not exist"):
        wire.invoke("GetSuppressedDestination", {"EmailAddress": "ada@mail.org"})


BODY = (
    '<html><body><a href="https://shop.example.com/?a=1&amp;b=/x">shop</a>'
    '<a ses:no-track href="https://links.example.com/u">no more</a></body></html>'
)


def test_links_are_tracked_but_those_that_must_not_be() -> None:
    sent = tracked(BODY, "id-1", endpoint=ENDPOINT, links=True, opening=True)

    first, second = re.findall(r'href="([^"]+)"', sent)
    assert first.startswith(f"{ENDPOINT}/_aws/ses/L0/")
    assert second == "https://links.example.com/u"
    assert f'src="{ENDPOINT}/_aws/ses/I0/id-1"' in sent
    untouched = tracked(BODY, "id-1", endpoint=ENDPOINT, links=False, opening=False)
    assert untouched == BODY.replace("ses:no-track ", "")


@pytest.mark.parametrize(
    ("number", "status", "told"),
    [(0, 302, ("id-1", "https://shop.example.com/?a=1&b=/x")), (1, 200, ("id-1", None))],
    ids=["link", "picture"],
)
def test_a_visit_is_told_and_leads_on(number: int, status: int, told: tuple[str, str | None]) -> None:
    sent = tracked(BODY, "id-1", endpoint=ENDPOINT, links=True, opening=True)
    path = [*re.findall(r'href="([^"]+)"', sent)[:1], *re.findall(r'src="([^"]+)"', sent)][number]
    visits: list[tuple[str, str | None]] = []

    async def saw(message_id: str, link: str | None) -> bool:
        visits.append((message_id, link))
        return True

    assert _visit(path.removeprefix(ENDPOINT), saw)["status"] == status
    assert visits == [told]


def test_a_visit_of_an_unknown_mail_leads_nowhere_and_other_paths_go_on() -> None:
    async def saw(_message_id: str, _link: str | None) -> bool:
        return False

    assert _visit("/_aws/ses/I0/none", saw)["status"] == 404
    assert _visit("/v2/email/identities", saw)["status"] == 299


def _visit(path: str, saw: Any) -> dict[str, Any]:
    answers: list[dict[str, Any]] = []

    async def send(answer: dict[str, Any]) -> None:
        answers.append(answer)

    async def otherwise(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"status": 299})

    asyncio.run(served(otherwise, saw)({"type": "http", "raw_path": path.encode()}, None, send))
    return answers[0]
