"""The way of one person through a journey, without sending anything: for whoever writes one, and for tests."""

from collections.abc import Iterator
from dataclasses import dataclass

from c360_core.decision_rules import in_audience
from c360_core.journey import Ask, Branch, Exit, Journey, Pause, Send, Split, Step, WaitFor, lot
from c360_core.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Visited:
    """A step on a person's way, and why the way goes on as it does; `minutes` is the time since the beginning."""

    step: Step
    minutes: int
    because: str


def walk(journey: Journey, profile: Profile, *, heard: bool) -> tuple[Visited, ...]:
    """Return the steps that a person would go, as the profile is now.

    Args:
        journey: the journey.
        profile: of the person.
        heard: whether the person does what the journey waits for, at once; otherwise all times pass.
    """
    return tuple(_steps(journey, profile, heard=heard))


def _steps(journey: Journey, profile: Profile, *, heard: bool) -> Iterator[Visited]:
    step: Step = journey.first
    minutes = 0
    while True:
        then, because, passed = _next(journey, step, profile, heard=heard)
        yield Visited(step=step, minutes=minutes, because=because)
        if then is None:
            return
        minutes += passed
        step = journey.step(then)


def _next(  # noqa: C901, PLR0911  # one for each kind
    journey: Journey, step: Step, profile: Profile, *, heard: bool
) -> tuple[str | None, str, int]:
    """Return the next step, why it is that one, and how many minutes pass until then."""
    match step:
        case Send():
            return step.then, f"gets the message {step.template}", 0
        case Pause():
            return step.then, "the time passes", step.minutes
        case WaitFor():
            words = " or ".join(step.happenings)
            if heard:
                return step.then, f"{words}: it happens", 0
            return step.otherwise, f"{words}: nothing happens in time", step.minutes
        case Branch():
            for place, arm in enumerate(step.arms, 1):
                if in_audience(arm.when, profile):
                    return arm.then, f"condition {place} is true", 0
            return step.otherwise, "no condition is true", 0
        case Split():
            way = lot(journey.name, step.name, profile.person_id, [(one.percent, one.then) for one in step.shares])
            return way, f"the lot says {way}", 0
        case Ask():
            return step.then, f"a task for {step.task} is opened", 0
        case Exit():
            return None, f"ends: {step.ending}", 0
