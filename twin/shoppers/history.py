"""A year of shopping and browsing: turns baskets into events, and keeps the account of who spent what."""

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from twin.shoppers.chance import happens, outcome
from twin.shoppers.clock import DAY, HOUR, MINUTE, SECOND
from twin.shoppers.journey import Basket, ShoppingJourney
from twin.shoppers.people import Household, Shopper
from twin.shoppers.tape import Tape
from twin.shoppers.vocabulary import complaint

CURRENCY: Final = "USD"
Identifiers = dict[str, list[str]]


def money(cents: int) -> str:
    """Return whole cents as decimal text."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


@dataclass(slots=True)
class Account:
    """What one person, or one card, did; money in cents."""

    orders: int = 0
    returns: int = 0
    spend: int = 0
    first_order_at: int | None = None
    last_order_at: int | None = None

    def order(self, cents: int, at: int) -> None:
        """Count an order."""
        self.orders += 1
        self.spend += cents
        self.first_order_at = at if self.first_order_at is None else min(at, self.first_order_at)
        self.last_order_at = at if self.last_order_at is None else max(at, self.last_order_at)

    def give_back(self, cents: int) -> None:
        """Count a return."""
        self.returns += 1
        self.spend -= cents


@dataclass(slots=True, kw_only=True)
class AccountLedger:
    """True accounts.

    `people` follows the owner of the strongest identifier of each event, which is all that any system can know;
    `buyers` follows the human who bought, who may use the partner's card.
    """

    people: dict[str, Account] = field(default_factory=dict)
    buyers: dict[str, Account] = field(default_factory=dict)
    cards: dict[str, Account] = field(default_factory=dict)
    totals: Account = field(default_factory=Account)
    returned: int = 0

    def accounts(self, owner: str, buyer: str, card: str | None) -> list[Account]:
        """Return every account that an event counts in."""
        accounts = [self.people.setdefault(owner, Account()), self.buyers.setdefault(buyer, Account()), self.totals]
        return [*accounts, self.cards.setdefault(card, Account())] if card else accounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How lively the web shop is: visits per basket, and the share of baskets that are bought online."""

    visits_per_basket: float = 0.8
    online: float = 0.12


class Historian:
    """Writes the past of one household after the other onto the two tapes."""

    def __init__(self, rng: random.Random, journey: ShoppingJourney, pos: Tape, web: Tape, rates: Rates) -> None:
        self.rng = rng
        self.start = min(baskets[0].at for baskets in journey.baskets.values())
        self.journey = journey
        self.pos = pos
        self.web = web
        self.rates = rates
        self.ledger = AccountLedger()
        self.identified: set[tuple[str, str]] = set()  # device, e-mail that logged in there
        self._numbers: Counter[str] = Counter()

    def write(self, household: Household) -> None:
        """Write everything that the household did."""
        for basket in self.journey.baskets[household.number]:
            buyer = self.rng.choice(household.adults)
            if buyer.devices and happens(self.rng, self.rates.online):
                self._buy_online(household, buyer, basket)
                continue
            if buyer.devices and happens(self.rng, self.rates.visits_per_basket):
                self._visit(buyer, basket)
            self._buy_in_store(household, buyer, basket)
        for number, (day, upc) in enumerate(self.journey.coupons.get(household.number, ())):
            self._redeem(household, number, day, upc)
        for person in household.adults:
            self._consents(person)

    # ---- orders

    def _buy_in_store(self, household: Household, buyer: Shopper, basket: Basket) -> None:
        identified_by = outcome(self.rng, phone=0.03, card_and_phone=0.05) or "card"
        identifiers: Identifiers = {}
        if identified_by != "phone":
            identifiers["loyalty_id"] = [buyer.card]
        if identified_by != "card":
            identifiers["phone"] = [buyer.phone]
        order = {"store_id": str(basket.store_id), **self._order(basket)}
        self.pos.add("order_placed", f"pos-{basket.basket_id}", basket.at, identifiers, order)
        accounts = self._count(household, buyer, basket, identifiers)
        if happens(self.rng, 0.02):
            self._give_back(basket, identifiers, accounts)

    def _buy_online(self, household: Household, buyer: Shopper, basket: Basket) -> None:
        device = self.rng.randrange(len(buyer.devices))
        identifiers = self._visitor(buyer, device)
        start = basket.at - self.rng.randint(4, 25) * MINUTE
        self._log_in(buyer, device, start)
        self._browse(identifiers, basket, start + 20 * SECOND, basket.at - SECOND)
        identifiers = {"email": [buyer.email], **identifiers}
        if happens(self.rng, 0.4):
            identifiers["loyalty_id"] = [buyer.card]
        self.web.add("order_placed", f"web-o-{basket.basket_id}", basket.at, identifiers, self._order(basket))
        self._count(household, buyer, basket, identifiers)

    def _order(self, basket: Basket) -> dict[str, Any]:
        departments = self.journey.departments
        lines = []
        for line in basket.lines:
            entry = {"product_id": str(line.product_id), "quantity": line.quantity, "amount": money(line.cents)}
            if department := departments.get(line.product_id):
                entry["department"] = department
            lines.append(entry)
        return {
            "order_id": str(basket.basket_id),
            "currency": CURRENCY,
            "total": money(basket.cents),
            "discount": money(basket.discount),
            "lines": lines,
        }

    def _count(self, household: Household, buyer: Shopper, basket: Basket, identifiers: Identifiers) -> list[Account]:
        card = identifiers.get("loyalty_id", [None])[0]
        owner = owner_of(household, identifiers)
        accounts = self.ledger.accounts(owner.person_id, buyer.person_id, card)
        for account in accounts:
            account.order(basket.cents, basket.at)
        return accounts

    def _give_back(self, basket: Basket, identifiers: Identifiers, accounts: list[Account]) -> None:
        paid = [line for line in basket.lines if line.cents > 0]
        if not paid:
            return
        cents = self.rng.choice(paid).cents
        at = basket.at + self.rng.randint(DAY, 6 * DAY)
        payload = {"order_id": str(basket.basket_id), "currency": CURRENCY, "total": money(cents), "reason": "spoilt"}
        self.pos.add("order_returned", f"pos-{basket.basket_id}-r", at, identifiers, payload)
        self.ledger.returned += cents
        for account in accounts:
            account.give_back(cents)

    def _redeem(self, household: Household, number: int, day: int, upc: int) -> None:
        person = household.adults[0]
        at = day + self.rng.randint(14 * HOUR, 23 * HOUR)
        event_id = f"pos-c-{household.number}-{number}"
        self.pos.add("offer_redeemed", event_id, at, {"loyalty_id": [person.card]}, {"offer_id": str(upc)})

    # ---- the web shop

    def _visitor(self, person: Shopper, device: int) -> Identifiers:
        return {"device_id": [person.devices[device]], "cookie_id": [person.cookies[device]]}

    def _id(self, device: str) -> str:
        self._numbers[device] += 1
        return f"web-{device[2:]}-{self._numbers[device]}"

    def _visit(self, person: Shopper, basket: Basket) -> None:
        """Look around a few hours before going to the store."""
        device = self.rng.randrange(len(person.devices))
        start = basket.at - self.rng.randint(HOUR, 40 * HOUR)
        if person.logs_in and happens(self.rng, 0.25):
            self._log_in(person, device, start)
        identifiers = self._visitor(person, device)
        end = self._browse(identifiers, basket, start + 15 * SECOND, start + 28 * MINUTE)
        if happens(self.rng, 0.01):
            self._review(identifiers, basket, end)

    def _browse(self, identifiers: Identifiers, basket: Basket, start: int, end: int) -> int:
        """View pages and products of the coming basket; the time between two events stays below the session gap."""
        device = identifiers["device_id"][0]
        at = start
        self.web.add("page_viewed", self._id(device), at, identifiers, {"url": "https://shop.example.com/"})
        for line in self.rng.sample(basket.lines, min(len(basket.lines), self.rng.randint(1, 9))):
            at += self.rng.randint(5, 90) * SECOND
            if at >= end:
                break
            self._look_at(identifiers, line.product_id, at)
        return at

    def _look_at(self, identifiers: Identifiers, product_id: int, at: int) -> None:
        device = identifiers["device_id"][0]
        payload: dict[str, Any] = {"product_id": str(product_id)}
        if department := self.journey.departments.get(product_id):
            payload["department"] = department
        self.web.add("product_viewed", self._id(device), at, identifiers, payload)
        then = outcome(self.rng, cart=0.35, reviews=0.15)
        if then == "cart":
            cart = {"product_id": str(product_id), "quantity": self.rng.randint(1, 4)}
            self.web.add("cart_updated", self._id(device), at + 3 * SECOND, identifiers, cart)
        elif then == "reviews":
            page = {"url": f"https://shop.example.com/products/{product_id}/reviews"}
            self.web.add("page_viewed", self._id(device), at + 3 * SECOND, identifiers, page)

    def _log_in(self, person: Shopper, device: int, at: int) -> None:
        identifiers = {"email": [person.email], **self._visitor(person, device), "ip": [person.ip]}
        self.identified.add((person.devices[device], person.email))
        payload = {
            "first_name": person.first_name,
            "last_name": person.last_name,
            "time_zone": person.home.time_zone,
            "language": person.language,
        }
        self.web.add("identified", self._id(person.devices[device]), at, identifiers, payload)

    def _review(self, identifiers: Identifiers, basket: Basket, at: int) -> None:
        rating = self.rng.choice((1, 2, 3, 4, 4, 5, 5))
        payload = {
            "product_id": str(basket.lines[0].product_id),
            "rating": rating,
            "text": complaint("product_quality", rating, self.rng.randrange(2)),
        }
        self.web.add("review_posted", self._id(identifiers["device_id"][0]), at + MINUTE, identifiers, payload)

    def _consents(self, person: Shopper) -> None:
        """Some say yes to marketing on the web site, and some of them take it back."""
        if not person.devices or not person.logs_in or not happens(self.rng, 0.2):
            return
        start = self.start + self.rng.randint(0, 200 * DAY)
        answers = [True, False] if happens(self.rng, 0.25) else [True]
        for number, granted in enumerate(answers):
            identifiers = {"email": [person.email], **self._visitor(person, 0)}
            payload = {"purpose": "marketing", "channel": "email", "granted": granted, "wording_version": "2025-09"}
            at = start + number * 90 * DAY
            self.web.add("consent_changed", self._id(person.devices[0]), at, identifiers, payload)


def owner_of(household: Household, identifiers: Identifiers) -> Shopper:
    """Return the person whom the strongest identifier names; of a shared one, the first adult."""
    for kind, attribute in (("loyalty_id", "card"), ("email", "email"), ("phone", "phone")):
        if kind in identifiers:
            value = identifiers[kind][0]
            return next(person for person in household.adults if getattr(person, attribute) == value)
    raise ValueError(f"no identifier of a person in {sorted(identifiers)}; give a card, an e-mail or a phone")
