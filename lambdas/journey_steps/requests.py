"""What the steps of a journey ask. Conditions come with the question: an execution has those of its own version."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from c360_core.consent import Channel
from c360_core.decision import Task, Template
from c360_core.journey import Happening

Id = Annotated[str, Field(min_length=1, max_length=64)]


class _Question(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    decision_id: Id
    person_id: Id
    journey: Id
    step: Id
    trigger: str | None = None


class Arm(BaseModel):
    """A way, and the condition of those who go it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    when: dict[str, Any]
    then: Id


class Share(BaseModel):
    """A way, and the percentage of those who go it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    percent: Annotated[int, Field(ge=1, le=99)]
    then: Id


class Choose(_Question):
    """Which way does the person go, by what the profile says?"""

    ask: Literal["choose"]
    arms: Annotated[tuple[Arm, ...], Field(min_length=1)]
    otherwise: Id


class Draw(_Question):
    """Which way does the person go, by lot?"""

    ask: Literal["draw"]
    shares: Annotated[tuple[Share, ...], Field(min_length=1)]


class AskTask(_Question):
    """Ask our own people for something."""

    ask: Literal["task"]
    task: Task
    since: datetime


class Wait(_Question):
    """Note that the person waits, and wake the execution when something has happened."""

    ask: Literal["wait"]
    channel: Channel
    happenings: Annotated[tuple[Happening, ...], Field(min_length=1)]
    template: Template | None = None
    seconds: Annotated[int, Field(ge=1)]
    since: datetime
    token: Annotated[str, Field(min_length=1, max_length=2048)]


Question = Choose | Draw | AskTask | Wait
QUESTIONS: TypeAdapter[Question] = TypeAdapter(Annotated[Question, Field(discriminator="ask")])
