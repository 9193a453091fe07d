"""Why a person got something, or did not: the stored decisions, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from c360_aws.single_view_reader import Page
from c360_core.decision import Action, Reason
from c360_core.delivery import Outcome
from c360_core.profile import Profile

_PAGE: Final = 50

_WORDS: Final[Mapping[str, str]] = {
    Reason.CONSENT_GRANTED: "the person agreed",
    Reason.CONSENT_NEVER_GIVEN: "the person never agreed to this purpose in this channel",
    Reason.CONSENT_WITHDRAWN: "the person withdrew the consent",
    Reason.ADDRESS_SUPPRESSED: "somebody refused for this address",
    Reason.NO_EMAIL: "no e-mail address is known",
    Reason.NO_PHONE: "no phone number is known",
    Reason.NO_PUSH_TOKEN: "no device for push messages is known",
    Reason.FREQUENCY_CAP: "the person had as many messages as all plays together may send",
    Reason.QUIET_HOURS: "it was night where the person lives",
    Reason.NOT_IN_AUDIENCE: "the audience of the play does not include the person",
    Reason.AFTER_ANOTHER_PLAY: "the play is silent after another one that was about the person",
    Reason.PLAY_CAP: "the person had as many messages as this play may send",
    Reason.NO_WORTHWHILE_OFFER: "no offer was expected to bring anything",
    Reason.HOLDOUT: "the person would have got it, and is held out to measure the effect",
    Reason.BUDGET_SPENT: "the budget of the day or month had nothing left",
    Reason.UNHAPPY: "the person wrote something very unhappy, and gets no marketing",
    Reason.PERSON_GONE: "the person was erased",
    Reason.ADDRESS_REJECTED: "the provider refused the address",
    Reason.VALUE_MISSING: "the message needs a value that the person does not have",
    Reason.STOPPED: "somebody has stopped the journey, or what began it",
    Reason.SEND_IN_DOUBT: "the provider may have the message already, so it is not handed over again",
}
_ACTIONS: Final[Mapping[str, str]] = {
    Action.SEND: "sent to the channel at once",
    Action.DEFER: "deferred to the end of the quiet hours",
    Action.SUPPRESS: "nothing",
    Action.TASK: "asked our own people to see to the person",
}


class UnknownPersonError(ValueError):
    """Nobody has this id; the message says where ids come from."""


class View(Protocol):
    """What must be read to explain decisions."""

    def current_id(self, person_id: str) -> str | None:
        """Return the present id of a person, or None."""

    def profile(self, person_id: str) -> Profile | None:
        """Return the profile, or None."""

    def former_ids(self, person_id: str) -> Sequence[str]:
        """Return the ids that were merged into a person."""

    def decisions(self, person_id: str, *, limit: int, cursor: str | None = None) -> Page:
        """Return a page of decisions, newest first."""

    def messages(self, person_id: str, *, limit: int) -> Sequence[Mapping[str, Any]]:
        """Return the latest messages, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A decision in words.

    Attributes:
        facts: as they are stored.
        outcome: what was decided, in words.
        because: the reasons in words, in the order in which they were found.
        sent: when its messages went out, oldest first.
        became: what became of each of them, as far as its channel has reported.
        not_sent: the messages that were held back when they should have gone out, with the reasons in words.
    """

    facts: Mapping[str, Any]
    outcome: str
    because: tuple[str, ...]
    sent: tuple[str, ...]
    became: tuple[str, ...]
    not_sent: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it for machines."""
        stored = (
            "decision_id",
            "trigger",
            "action",
            "channel",
            "template",
            "task",
            "offer",
            "decided_at",
            "not_before",
        )
        told = {name: self.facts[name] for name in stored if name in self.facts}
        lists = {"because": list(self.because), "sent": list(self.sent), "became": list(self.became)}
        held = {"not_sent": list(self.facts["not_sent"])} if self.not_sent else {}
        return {**told, "reasons": list(self.facts["reasons"]), **lists, **held}


def explain(view: View, person_id: str, *, play: str | None = None, limit: int = 20) -> tuple[str, list[Explained]]:
    """Return the present id of a person, and the latest decisions with their reasons, newest first.

    Args:
        view: the single view.
        person_id: of the person; an id from before a merge finds the survivor.
        play: only decisions of this play.
        limit: so many at most.

    Raises:
        UnknownPersonError: nobody has the id.
    """
    current = view.current_id(person_id)
    if current is None:
        raise UnknownPersonError(
            f"there is no person `{person_id}`: it is no id of ours, or was erased; the profile API finds a person by "
            "an identifier"
        )
    sent: dict[str, list[tuple[str, str]]] = {}
    everybody = (current, *view.former_ids(current))
    for message in (one for each in everybody for one in view.messages(each, limit=_PAGE)):
        became = str(message.get("outcome", Outcome.SENT))  # those from before reports were read have none
        if became != Outcome.IN_DOUBT:
            sent.setdefault(message["decision_id"], []).append((message["sent_at"], became))
    found = [item for each in everybody for item in _decisions(view, each, play, limit)]
    found.sort(key=lambda item: str(item["occasion_at"]), reverse=True)
    return current, [_explained(item, sorted(sent.get(item["decision_id"], ()))) for item in found[:limit]]


def _decisions(view: View, person_id: str, play: str | None, limit: int) -> list[Mapping[str, Any]]:
    """Return the latest decisions under one id, newest first: at least `limit`, if there are so many."""
    found: list[Mapping[str, Any]] = []
    cursor: str | None = None
    while True:
        page = view.decisions(person_id, limit=_PAGE, cursor=cursor)
        found += [item for item in page.items if play in {None, item["trigger"]}]
        cursor = page.cursor
        if cursor is None or len(found) >= limit:
            return found


def why_nothing(view: View, person_id: str) -> str:
    """Return in words why there is no decision about a person who has an id."""
    profile = view.profile(person_id)
    if profile is not None and profile.version.identity_version == 0:
        return "nothing was decided: identity resolution does not know the person yet, and nobody unknown gets anything"
    return "nothing was decided: no signal of this person called for it, or the decisions have expired"


def _explained(item: Mapping[str, Any], sent: Sequence[tuple[str, str]]) -> Explained:
    return Explained(
        facts=item,
        outcome=_ACTIONS.get(str(item["action"]), str(item["action"])),
        because=tuple(_in_words(str(code), item) for code in item["reasons"]),
        sent=tuple(at for at, _ in sent),
        became=tuple(became for _, became in sent),
        not_sent=tuple(_held_back(one, item) for one in item.get("not_sent", ())),
    )


def _held_back(one: Mapping[str, Any], item: Mapping[str, Any]) -> str:
    because = "; ".join(_in_words(str(code), item) for code in one["reasons"])
    return f"NOT_SENT {one['template']} {one['at']}: {because}"


def _in_words(code: str, item: Mapping[str, Any]) -> str:
    known, _, name = code.partition(":")
    if known in _WORDS:
        return f"{_WORDS[known]}: {name}" if name else _WORDS[known]
    return f"the signal of the play {item['trigger']} came" if code == str(item["trigger"]).upper() else code
