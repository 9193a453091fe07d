"""The systems outside on this machine, called over TLS by the code that ships: who verifies whom."""

import base64
import ipaddress
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lambdas.shared.outbound.https import HttpsCaller, UnreachableError
from lambdas.shared.outbound.port import RefusedError, UnavailableError
from lambdas.webhooks.logic import Subscriber
from tests.factories.bus_events import bus_event
from twin.engines.databases import Certificate, certificate
from twin.vendors.loyalty_system import LoyaltySystem
from twin.vendors.subscriber import WebhookSubscriber

pytestmark = pytest.mark.enable_socket
SECRET = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(Path(tmp_path_factory.mktemp("tls")))


@pytest.fixture
def caller(shown: Certificate) -> HttpsCaller:
    return HttpsCaller(
        private_networks=[ipaddress.ip_network("127.0.0.0/8")],
        trust=lambda: ssl.create_default_context(cadata=shown.authority),
    )


@pytest.fixture
def partner(shown: Certificate) -> Iterator[WebhookSubscriber]:
    with WebhookSubscriber(secrets=[SECRET], certificate=shown) as made:
        yield made


def subscriber(partner: WebhookSubscriber, caller: HttpsCaller, *secrets: str) -> Subscriber:
    return Subscriber(
        name="partner",
        url=f"{partner.address}/hooks",
        caller=caller,
        secrets=lambda: secrets or (SECRET,),
        clock=lambda: datetime.now(UTC),
    )


def test_an_event_is_taken_once_however_often_it_is_told(partner: WebhookSubscriber, caller: HttpsCaller) -> None:
    for _ in range(2):
        subscriber(partner, caller).deliver(bus_event())
    assert {key: one["type"] for key, one in partner.events.items()} == {"d_1": "decision.made"}
    assert (partner.told, partner.unsigned) == ({"d_1": 2}, 0)


def test_another_secret_is_refused_and_one_beside_the_right_one_is_not(
    partner: WebhookSubscriber, caller: HttpsCaller
) -> None:
    other = base64.b64encode(b"x" * 32).decode()
    with pytest.raises(RefusedError, match="401"):
        subscriber(partner, caller, other).deliver(bus_event())
    subscriber(partner, caller, other, SECRET).deliver(bus_event())
    assert (list(partner.told), partner.unsigned) == (["d_1"], 1)


def test_one_that_is_busy_says_when_to_come_again(partner: WebhookSubscriber, caller: HttpsCaller) -> None:
    partner.busy = 1
    with pytest.raises(UnavailableError, match="429") as raised:
        subscriber(partner, caller).deliver(bus_event())
    assert raised.value.retry_after == 1


def test_a_server_that_nobody_certifies_is_not_told(partner: WebhookSubscriber) -> None:
    strangers = HttpsCaller(private_networks=[ipaddress.ip_network("127.0.0.0/8")])
    with pytest.raises(UnavailableError, match="localhost does not answer: SSLCertVerificationError"):
        subscriber(partner, strangers).deliver(bus_event())
    assert partner.told == {}


def test_a_certificate_for_another_name_is_refused(partner: WebhookSubscriber, caller: HttpsCaller) -> None:
    """The address is the right one; the name is what counts."""
    led = HttpsCaller(
        private_networks=caller.private_networks, resolver=lambda _host, _port: ["127.0.0.1"], trust=caller.trust
    )
    url = partner.address.replace("localhost", "elsewhere.example.com")
    with pytest.raises(UnreachableError, match="SSLCertVerificationError"):
        led.call("POST", url, headers={}, body=b"{}")


def test_a_tier_is_put_with_the_key_and_only_where_the_member_is(shown: Certificate, caller: HttpsCaller) -> None:
    body = b'{"member_id": "L1", "tier": "gold"}'
    with LoyaltySystem(key="k", certificate=shown) as system:

        def put(key: str, member: str) -> int:
            url, headers = f"{system.address}/members/{member}/tier", {"authorization": f"Bearer {key}"}
            return caller.call("PUT", url, headers=headers, body=body).status

        assert [put("k", "L1"), put("x", "L1"), put("k", "L2")] == [200, 403, 400]
        assert system.tiers == {"L1": "gold"}
