"""A loyalty system: its members have a tier, which whoever has its key may put."""

import re
from typing import Any, Final

from twin.vendors.server import Call, Refused, VendorServer

_TIER: Final = re.compile(r"/members/([^/]+)/tier")


class LoyaltySystem(VendorServer):
    """A system, which does as it is told and compares no versions.

    Args:
        key: with which tiers are put.

    Attributes:
        key: the same.
        tiers: of the members, by their ids.
    """

    def __init__(self, *, key: str = "", **settings: Any) -> None:
        super().__init__(**settings)
        self.key = key
        self.tiers: dict[str, str] = {}

    def answer(self, call: Call) -> Any:
        """Put the tier of a member."""
        if call.headers.get("authorization") != f"Bearer {self.key}":
            raise Refused(403, {"error": "the key is wrong"})
        if self.must_wait():
            raise Refused(503, {"error": "busy"})
        place = _TIER.fullmatch(call.path)
        if call.method != "PUT" or place is None or call.body.get("member_id") != place[1]:
            raise Refused(400, {"error": "the tier of a member is put under /members/ID/tier"})
        self.tiers[place[1]] = str(call.body["tier"])
        return {}
