"""Results of a demonstration: plain values for the summary, the page and the tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """An actual value beside the known answer."""

    name: str
    expected: int | Decimal | str
    actual: int | Decimal | str

    @property
    def passed(self) -> bool:
        """Say whether they are the same."""
        return self.expected == self.actual


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """A score that must not be lower than a floor."""

    name: str
    floor: float
    actual: float

    @property
    def passed(self) -> bool:
        """Say whether the score reaches the floor."""
        return self.actual >= self.floor


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """How many records a stage of the data path holds; `note` says what they are."""

    pillar: str
    name: str
    count: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """An e-mail in the outbox, with its recipient masked."""

    recipient: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionLine:
    """One decision: the person, the trigger, the action and the reasons."""

    customer: str
    trigger: str
    action: str
    reasons: tuple[str, ...]
    decided_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaAnswer:
    """A persona's answer to a query: rows, or the refusal."""

    query: str
    allowed: bool
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Numbers read from the lake by SQL.

    Attributes:
        segments: (segment, members).
        spend: (month as YYYY-MM, segment, spend).
        rfm: (recency quintile, frequency quintile, customers).
    """

    segments: tuple[tuple[str, int], ...]
    spend: tuple[tuple[str, str, Decimal], ...]
    rfm: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """Everything that one demonstration showed.

    Attributes:
        latency: seconds from sending a live event to its effect in the single view, one for each probe.
        customer: the single view of one customer, as the API answered it.
        timeline: that customer's events, newest first: time, what, amount.
        regular: the single view of a customer with a year behind them: orders, cases, bought facts, all links.
        times: (step, seconds).
        peak_memory_gigabytes: highest sum of the resident memory of all processes of the run.
        dashboards: names of the dashboards' pages, beside the page of the demonstration.
    """

    scale: str
    seed: int
    stages: tuple[Stage, ...]
    checks: tuple[Check, ...]
    floors: tuple[Floor, ...]
    analysis: Analysis
    customer: Mapping[str, Any]
    timeline: tuple[tuple[str, str, str], ...]
    decisions: tuple[DecisionLine, ...]
    messages: tuple[SentMessage, ...]
    persona: tuple[PersonaAnswer, ...]
    latency: tuple[float, ...]
    times: tuple[tuple[str, float], ...]
    peak_memory_gigabytes: float = 0.0
    matching: Mapping[str, float] = field(default_factory=dict)
    regular: Mapping[str, Any] = field(default_factory=dict)
    dashboards: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Say whether every check and every floor holds."""
        return all(check.passed for check in self.checks) and all(floor.passed for floor in self.floors)

    def latency_quantile(self, share: float) -> float:
        """Return the latency that this share of the probes did not exceed, in seconds."""
        ordered = sorted(self.latency)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
