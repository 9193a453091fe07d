"""People who wait in a journey until something happens, and whether it has."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from c360_core.delivery import Outcome
from c360_core.journey import OUTCOMES, Happening
from c360_core.moments import moment, moment_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A person who waits in a step of a journey.

    Attributes:
        person_id: whose item it is.
        decision_id: with which the person entered.
        token: wakes the execution.
        happenings: what is waited for.
        message_id: whose outcomes count; None where only purchases do.
        since: older purchases do not count.
        expires_at: when nobody waits any more.
    """

    person_id: str
    decision_id: str
    step: str
    token: str
    happenings: tuple[Happening, ...]
    message_id: str | None
    since: datetime
    expires_at: datetime

    def at_outcome(self, message_id: str, outcome: str) -> Happening | None:
        """Return what was waited for and has happened, if this became of this message."""
        if message_id != self.message_id:
            return None
        return next((one for one in self.happenings if outcome in OUTCOMES.get(one, frozenset[Outcome]())), None)

    def at_purchase(self, at: datetime) -> Happening | None:
        """Return what was waited for and has happened, if the person bought something then."""
        return Happening.PURCHASE if Happening.PURCHASE in self.happenings and at > self.since else None


def waiting_to_item(waiting: Waiting) -> dict[str, object]:
    """Return who waits as the single view stores it, without keys and expiry."""
    about = {} if waiting.message_id is None else {"message_id": waiting.message_id}
    return {
        "person_id": waiting.person_id,
        "decision_id": waiting.decision_id,
        "step": waiting.step,
        "token": waiting.token,
        "happenings": [str(one) for one in waiting.happenings],
        "since": moment_text(waiting.since),
        "forgotten_at": moment_text(waiting.expires_at),
        **about,
    }


def waiting_from_item(item: Mapping[str, object]) -> Waiting:
    """Read who waits from the single view."""
    happenings = item["happenings"]
    return Waiting(
        person_id=str(item["person_id"]),
        decision_id=str(item["decision_id"]),
        step=str(item["step"]),
        token=str(item["token"]),
        happenings=tuple(Happening(str(one)) for one in happenings) if isinstance(happenings, list | tuple) else (),
        message_id=str(item["message_id"]) if "message_id" in item else None,
        since=moment(str(item["since"])),
        expires_at=moment(str(item["forgotten_at"])),
    )
