"""The function's clients of Google and Meta, against the stand-ins: tokens, limits, sessions, refusals."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lambdas.audience_members.google import GoogleAudience
from lambdas.audience_members.members import Kind, Member
from lambdas.audience_members.meta import MetaAudience
from lambdas.audience_members.platform import (
    Answer,
    CredentialsError,
    HttpClient,
    Operation,
    Outcome,
    PlatformBusyError,
    PlatformRefusedError,
    Session,
    Taken,
)
from twin.vendors.google_audiences import GoogleAudiencesServer
from twin.vendors.meta_audiences import MetaAudiencesServer

pytestmark = pytest.mark.enable_socket

ADA = Member(kind=Kind.EMAIL, sha256=hashlib.sha256(b"ada@example.com").hexdigest())
BO = Member(kind=Kind.PHONE, sha256=hashlib.sha256(b"+14155550132").hexdigest())
SESSION = Session(number=7, batch=1, is_last=True, members=2)
IN_GOOGLE = {("emailAddress", ADA.sha256), ("phoneNumber", BO.sha256)}
IN_META = {("EMAIL", ADA.sha256), ("PHONE", BO.sha256)}


@pytest.fixture
def google_server() -> Iterator[GoogleAudiencesServer]:
    with GoogleAudiencesServer(account="12", audience="34") as server:
        yield server


@pytest.fixture
def meta_server() -> Iterator[MetaAudiencesServer]:
    with MetaAudiencesServer(audience="56") as server:
        server.new_token()
        yield server


def google(server: GoogleAudiencesServer, **changed: str) -> GoogleAudience:
    secret = {
        "client_id": "c",
        "client_secret": "s",
        "refresh_token": server.consent,
        "token_uri": f"{server.address}/token",
        **changed,
    }
    return GoogleAudience(
        account="12",
        audience_id="34",
        url=server.address,
        secret="google",  # its name
        credentials=lambda: json.dumps(secret),
        http=HttpClient(),
    )


def meta(server: MetaAudiencesServer, token: str = "token-1") -> MetaAudience:  # noqa: S107  # the stand-in's
    return MetaAudience(
        audience_id="56",
        url=server.address,
        secret="meta",  # its name
        credentials=lambda: json.dumps({"access_token": token}),
        http=HttpClient(),
    )


def ended(audience: GoogleAudience, taken: Taken) -> Outcome:
    """Return the outcome of a request, which the stand-in processes while it is asked once."""
    assert audience.outcome(taken.request).is_open
    return audience.outcome(taken.request)


def test_google_has_whom_it_was_told_of_when_the_request_has_succeeded(google_server: GoogleAudiencesServer) -> None:
    audience = google(google_server)
    taken = audience.tell(Operation.ADD, [ADA, BO], SESSION)
    assert (taken.confirmed, taken.refused, google_server.members) == ((), {}, set()), "accepted is not done"
    assert ended(audience, taken) == Outcome()
    assert google_server.members == IN_GOOGLE
    assert ended(audience, audience.tell(Operation.REMOVE, [BO], SESSION)) == Outcome()
    assert google_server.members == {("emailAddress", ADA.sha256)}


def test_a_token_of_google_that_has_expired_is_replaced(google_server: GoogleAudiencesServer) -> None:
    google_server._calls_per_token = 1
    audience = google(google_server)
    assert ended(audience, audience.tell(Operation.ADD, [ADA], SESSION)) == Outcome()
    assert google_server.statuses.count(401) == 2
    assert google_server.members == {("emailAddress", ADA.sha256)}


def test_google_names_whom_it_refuses_and_takes_the_others(google_server: GoogleAudiencesServer) -> None:
    google_server.malformed = {ADA.sha256}
    audience = google(google_server)
    taken = audience.tell(Operation.ADD, [ADA, BO], SESSION)
    assert taken.refused == {ADA: "INVALID_HEX_ENCODING"}
    assert ended(audience, taken) == Outcome()
    assert google_server.members == {("phoneNumber", BO.sha256)}
    assert audience.tell(Operation.ADD, [ADA], SESSION) == Taken(refused={ADA: "INVALID_HEX_ENCODING"})


@pytest.mark.parametrize("outcome", ["FAILED", "PARTIAL_SUCCESS"])
def test_a_request_that_google_does_not_do_as_a_whole_has_its_reasons(
    google_server: GoogleAudiencesServer, outcome: str
) -> None:
    google_server.fails = [outcome]
    audience = google(google_server)
    reason = ended(audience, audience.tell(Operation.ADD, [ADA, BO], SESSION)).reason
    assert reason == f"{outcome}: PROCESSING_ERROR_REASON_INTERNAL_ERROR"


def test_a_request_that_google_does_not_know_any_more_counts_as_not_done(google_server: GoogleAudiencesServer) -> None:
    assert google(google_server).outcome("long ago") == Outcome(reason="REQUEST_NOT_FOUND")


def test_meta_has_at_once_whom_it_was_told_of(meta_server: MetaAudiencesServer) -> None:
    audience = meta(meta_server)
    assert audience.tell(Operation.ADD, [ADA, BO], SESSION) == Taken(confirmed=(ADA, BO))
    assert meta_server.members == IN_META
    assert meta_server.sessions == [
        {"session_id": 7, "batch_seq": 1, "last_batch_flag": True, "estimated_num_total": 2}
    ]
    assert audience.tell(Operation.REMOVE, [ADA], replace(SESSION, members=1)).confirmed == (ADA,)
    assert meta_server.members == {("PHONE", BO.sha256)}
    assert [method for method, _ in meta_server.requests] == ["POST", "DELETE"]


def test_of_a_batch_with_invalid_entries_meta_gets_the_others_and_each_invalid_one_is_named(
    meta_server: MetaAudiencesServer,
) -> None:
    many = [Member(kind=Kind.EMAIL, sha256=f"{number:064x}") for number in range(9)]
    meta_server.malformed = {many[2].sha256, many[7].sha256}
    taken = meta(meta_server).tell(Operation.ADD, many, SESSION)
    assert set(taken.refused) == {many[2], many[7]}
    assert set(taken.confirmed) == set(many) - set(taken.refused)
    assert meta_server.members == {("EMAIL", one.sha256) for one in taken.confirmed}
    numbers = [one["session_id"] for one in meta_server.sessions]
    assert len(numbers) == len(set(numbers)), "each half is a session of its own"


def test_platforms_that_are_busy_or_down_are_asked_later(
    google_server: GoogleAudiencesServer, meta_server: MetaAudiencesServer
) -> None:
    for server, audience in ((google_server, google(google_server)), (meta_server, meta(meta_server))):
        server.busy = 1
        with pytest.raises(PlatformBusyError, match="asks to wait"):
            audience.tell(Operation.ADD, [ADA], SESSION)
        audience.tell(Operation.ADD, [ADA], SESSION)
        server.is_down = True
        with pytest.raises(PlatformBusyError, match="asks to wait"):
            audience.tell(Operation.ADD, [ADA], SESSION)


def test_a_platform_that_is_not_there_is_asked_later(meta_server: MetaAudiencesServer) -> None:
    audience = meta(meta_server)
    with pytest.raises(PlatformBusyError, match="localhost gave no answer"):
        replace(audience, url="http://localhost:1").tell(Operation.ADD, [ADA], SESSION)


def test_credentials_that_are_no_good_name_their_secret(
    google_server: GoogleAudiencesServer, meta_server: MetaAudiencesServer
) -> None:
    with pytest.raises(CredentialsError, match=r"secret google \(invalid_grant\); sign in anew"):
        google(google_server, refresh_token="old").tell(Operation.ADD, [ADA], SESSION)
    with pytest.raises(CredentialsError, match=r"secret meta \(code 190\); store a new one"):
        meta(meta_server, "token-0").tell(Operation.ADD, [ADA], SESSION)
    with pytest.raises(CredentialsError, match="secret meta: expected a JSON object with access_token"):
        replace(meta(meta_server), credentials=lambda: "token").tell(Operation.ADD, [ADA], SESSION)


def test_an_audience_that_is_not_ours_is_refused_by_name(
    google_server: GoogleAudiencesServer, meta_server: MetaAudiencesServer
) -> None:
    with pytest.raises(PlatformRefusedError, match="audience 99 of account 12: status 403, PERMISSION_DENIED"):
        replace(google(google_server), audience_id="99").tell(Operation.ADD, [ADA], SESSION)
    with pytest.raises(PlatformRefusedError, match="audience 99: status 400, code 100"):
        replace(meta(meta_server), audience_id="99").tell(Operation.ADD, [ADA], SESSION)


class Saying:
    """A platform that always answers the same."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.answer, self.sent = Answer(status=status, body=body), list[dict[str, Any]]()

    def send(self, _method: str, _url: str, *, headers: Any, body: bytes) -> Answer:  # the port's
        self.sent.append(json.loads(body) if body.startswith(b"{") else {})
        return self.answer


def test_an_answer_of_meta_that_counts_fewer_than_were_sent_confirms_nobody(meta_server: MetaAudiencesServer) -> None:
    saying = Saying(200, {"num_received": 0, "num_invalid_entries": 0})
    taken = replace(meta(meta_server), http=saying).tell(Operation.ADD, [ADA, BO], SESSION)
    assert (taken.confirmed, set(taken.refused)) == ([], {ADA, BO})


def test_a_refusal_of_google_without_a_place_ends_the_run(google_server: GoogleAudiencesServer) -> None:
    place = {"fieldViolations": [{"field": "audience_members.audience_members[5]", "reason": "X"}]}
    for details in ([], [place]):
        saying = Saying(400, {"access_token": "t", "error": {"status": "INVALID_ARGUMENT", "details": details}})
        audience = replace(google(google_server), http=saying, tokens={"access": "t"})
        with pytest.raises(PlatformRefusedError, match="INVALID_ARGUMENT"):
            audience.tell(Operation.ADD, [ADA], SESSION)


def test_a_managers_account_signs_in_for_the_one_that_has_the_audience(google_server: GoogleAudiencesServer) -> None:
    saying = Saying(200, {"requestId": "r"})
    audience = replace(google(google_server, login_account="77"), http=saying, tokens={"access": "t"})
    audience.tell(Operation.REMOVE, [ADA], SESSION)
    [body] = saying.sent
    assert body["destinations"][0]["loginAccount"] == {"accountType": "GOOGLE_ADS", "accountId": "77"}
    assert set(body) == {"destinations", "audienceMembers", "encoding"}, "a removal asks for no consent"
