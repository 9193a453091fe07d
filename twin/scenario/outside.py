"""Systems outside: a subscriber and a loyalty system listen where the deployed functions call, from the first event on.

They stay until the process ends, as what was deployed may call them until then.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlsplit

from c360_core.decision import Action
from c360_core.loyalty import TierRule, Tiers
from twin.patches.trusted_receivers import certificate_of
from twin.scenario.deployment import Deployment
from twin.scenario.result import Check
from twin.scenario.waiting import NeverReachedError, until
from twin.vendors.loyalty_system import LoyaltySystem
from twin.vendors.server import VendorServer
from twin.vendors.subscriber import WebhookSubscriber

SECONDS: Final = 90.0
NOT_TOLD: Final = "not told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What listens; None for what the deployment does not call."""

    subscriber: WebhookSubscriber | None
    loyalty: LoyaltySystem | None
    tiers: Tiers | None

    @classmethod
    def listen(cls, deployment: Deployment) -> Self:
        """Start the systems that the deployed functions call, with the secrets that were deployed."""
        shown = certificate_of(deployment.emulator.settings)
        subscriber = loyalty = tiers = None
        if variables := _variables(deployment, "webhooks"):
            [destination] = json.loads(variables["DESTINATIONS"])
            secret = _held(deployment, destination["secret_arn"])
            subscriber = WebhookSubscriber(secrets=[secret], port=port_of(destination["url"]), certificate=shown)
            _start(subscriber)
        if variables := _variables(deployment, "loyalty"):
            key = _held(deployment, variables["LOYALTY_SECRET_ARN"])
            loyalty = LoyaltySystem(key=key, port=port_of(variables["LOYALTY_URL"]), certificate=shown)
            stated = json.loads(variables["TIERS"])
            tiers = Tiers(rules=[TierRule(**rule) for rule in stated["rules"]], otherwise=stated["otherwise"])
            _start(loyalty)
        return cls(subscriber=subscriber, loyalty=loyalty, tiers=tiers)

    def checks(self, decided: Sequence[Mapping[str, Any]], customer: Mapping[str, Any]) -> list[Check]:
        """Compare what the systems know with the single view.

        Args:
            decided: decisions about a customer, as the profile API shows them.
            customer: a member with a history, likewise.
        """
        return [*self._webhooks(decided), *self._tier(customer)]

    def _webhooks(self, decided: Sequence[Mapping[str, Any]]) -> list[Check]:
        subscriber = self.subscriber
        if subscriber is None:
            return []
        done = {str(one["decision_id"]) for one in decided if one["action"] != Action.SUPPRESS}
        told = _patiently("the decisions are told", lambda: done & subscriber.told.keys(), done)
        return [
            Check(name="decisions that a subscriber was told, signed", expected=len(done), actual=len(told)),
            Check(name="webhooks with a wrong signature", expected=0, actual=subscriber.unsigned),
        ]

    def _tier(self, customer: Mapping[str, Any]) -> list[Check]:
        loyalty, tiers, member = self.loyalty, self.tiers, customer.get("links", {}).get("loyalty_id")
        if loyalty is None or tiers is None or member is None:
            return []
        expected = tiers.of([one["segment"] for one in customer["segments"]])
        # Whoever was in none of the segments yet has the tier that everybody begins with.
        tier = _patiently("the tier is told", lambda: loyalty.tiers.get(str(member), tiers.otherwise), expected)
        return [Check(name="tier of a regular customer in the loyalty system", expected=expected, actual=tier)]


def _patiently(what: str, look: Any, wanted: Any) -> Any:
    """Return what is seen when it is as wanted, or at last."""
    try:
        return until(what, look, lambda seen: seen == wanted, seconds=SECONDS)
    except NeverReachedError:
        return look()


def _variables(deployment: Deployment, name: str) -> Mapping[str, str]:
    """Return the variables of a deployed function; none, if it is not deployed."""
    pages = deployment.client("lambda").get_paginator("list_functions").paginate()
    found = (one for page in pages for one in page["Functions"] if one["Handler"] == f"lambdas.{name}.handler.handle")
    function = next(found, None)
    variables: Mapping[str, str] = function["Environment"]["Variables"] if function else {}
    return variables


def _held(deployment: Deployment, arn: str) -> str:
    return str(deployment.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])


def port_of(url: str) -> int:
    """Return where a system outside listens; raise ValueError when its address names no port."""
    port = urlsplit(url).port
    if port is None:
        raise ValueError(f"{url}: a receiver on this machine needs a port; write one in config/environments")
    return port


def _start(server: VendorServer) -> None:
    server.__enter__()
