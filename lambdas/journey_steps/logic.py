"""What a journey needs to know people for."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from c360_core.controls import Control, State, state_of
from c360_core.decision import Action, Decision, decision_facts, decision_id, message_id, play_reason
from c360_core.decision_rules import in_audience
from c360_core.journey import Happening, JourneyError, lot
from c360_core.moments import in_milliseconds, moment
from c360_core.play import known_fields, read_audience
from c360_core.profile import Profile
from c360_core.waiting import Waiting
from c360_core.written import Known, Written
from lambdas.journey_steps.requests import AskTask, Choose, Draw, Question, Wait
from lambdas.shared.waking import Alarm, Waits, wake

# So many messages are looked at for what has become of one of a journey.
RECENT_MESSAGES: Final = 50


class PeopleView(Protocol):
    """What must be known of people."""

    def current_id(self, person_id: str) -> str | None:
        """Return the present id of a person, or None."""

    def former_ids(self, person_id: str) -> Sequence[str]:
        """Return the ids that were merged into a person."""

    def profile(self, person_id: str) -> Profile | None:
        """Return the profile, or None."""

    def newest_profile(self, person_id: str) -> Profile | None:
        """Return the profile, or None, as it was written last."""

    def messages(self, person_id: str, *, limit: int) -> Sequence[Mapping[str, Any]]:
        """Return the latest messages, newest first."""

    def controls(self, names: Iterable[str]) -> Sequence[Control]:
        """Return what somebody said about these journeys and plays."""


class StepStore(Waits, Protocol):
    """Where tasks and those who wait are stored."""

    def put_wait(self, waiting: Waiting) -> None:
        """Store that a person waits."""

    def put_decision(self, decision: Decision, *, keep_days: int) -> bool:
        """Store a decision unless there is one on the same event."""


class Publisher(Protocol):
    """What publishes decisions."""

    def publish(self, decision: Mapping[str, Any], profile: Profile) -> None:
        """Publish a decision; a repetition changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Helper:
    """Answers what the steps of journeys ask. The same question may come again."""

    view: PeopleView
    store: StepStore
    publisher: Publisher
    alarm: Alarm
    keep_days: int
    clock: Callable[[], datetime]

    def answer(self, question: Question) -> dict[str, str]:
        """Answer a question; `way` names the next step."""
        match question:
            case Choose():
                return {"status": "chosen", "way": self._chosen(question)}
            case Draw():
                return {"status": "drawn", "way": _drawn(question)}
            case AskTask():
                return {"status": self._asked(question)}
            case Wait():
                return {"status": self._waits(question)}

    def _chosen(self, question: Choose) -> str:
        """Return the first way whose condition is true; nothing is true of somebody who is gone."""
        profile = self._profile(question.person_id)
        if profile is None:
            return question.otherwise
        known = Known(fields=known_fields())
        for arm in question.arms:
            here = f"journey `{question.journey}`: step `{question.step}`"
            when = Written(arm.when, file="the execution", owner=here, known=known, error=JourneyError)
            if in_audience(read_audience(when), profile):
                return arm.then
        return question.otherwise

    def _asked(self, question: AskTask) -> str:
        """Ask our own people for something, once for each execution."""
        now = in_milliseconds(self.clock())
        names = [question.journey, *([] if question.trigger is None else [question.trigger])]
        if state_of(self.view.controls(names), now) is State.STOPPED:
            return "stopped"
        profile = self._profile(question.person_id)
        if profile is None:
            return "gone"
        decision = Decision(
            decision_id=decision_id(question.journey, f"{question.decision_id}#{question.step}"),
            person_id=profile.person_id,
            trigger=question.journey,
            action=Action.TASK,
            reasons=(play_reason(question.journey),),
            purpose=None,
            channel=None,
            template=None,
            # The start of the execution: the same however often it is asked.
            occasion_at=in_milliseconds(question.since),
            decided_at=now,
            not_before=now,
            task=question.task,
        )
        self.store.put_decision(decision, keep_days=self.keep_days)
        self.publisher.publish(decision_facts(decision), profile)
        return "asked"

    def _waits(self, question: Wait) -> str:
        """Note that a person waits; then look whether it has happened already, so that nothing falls in between."""
        person_id = self.view.current_id(question.person_id) or question.person_id
        waiting = Waiting(
            person_id=person_id,
            decision_id=question.decision_id,
            step=question.step,
            token=question.token,
            happenings=question.happenings,
            message_id=None
            if question.template is None
            else message_id(question.decision_id, question.channel, question.template),
            since=question.since,
            expires_at=self.clock() + timedelta(seconds=question.seconds),
        )
        self.store.put_wait(waiting)
        found = [happened for happened in self._happened(waiting) if happened is not None]
        woken = wake([(waiting, happened) for happened in found[:1]], alarm=self.alarm, store=self.store)
        return "woken" if woken else "waits"

    def _happened(self, waiting: Waiting) -> Iterator[Happening | None]:
        if waiting.message_id is not None:
            for whose in (waiting.person_id, *self.view.former_ids(waiting.person_id)):
                for message in self.view.messages(whose, limit=RECENT_MESSAGES):
                    yield waiting.at_outcome(str(message["message_id"]), str(message.get("outcome", "")))
        profile = self.view.newest_profile(waiting.person_id)
        ordered = None if profile is None else profile.text("aggregates", "last_order_at")
        if ordered is not None:
            yield waiting.at_purchase(moment(ordered))

    def _profile(self, person_id: str) -> Profile | None:
        current = self.view.current_id(person_id)
        return None if current is None else self.view.profile(current)


def _drawn(question: Draw) -> str:
    shares = [(share.percent, share.then) for share in question.shares]
    return lot(question.journey, question.step, question.person_id, shares)
