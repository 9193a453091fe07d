"""What a policy refused in the demonstration is a defect, unless a persona asked for what it must not have."""

from twin.emulator.decisions import Decision, Outcome
from twin.scenario.permissions import ROOT, by_root, refusals

ANALYST = "arn:aws:iam::123456789012:role/Analyst"
WRITER = "arn:aws:iam::123456789012:role/Writer"


def decision(principal: str, outcome: Outcome) -> Decision:
    return Decision(principal=principal, action="s3:GetObject", resource="*", decision=outcome)


def test_a_refusal_counts_unless_a_persona_asked() -> None:
    refused = decision(WRITER, Outcome.DENY)
    made = (decision(WRITER, Outcome.ALLOW), refused, decision(ANALYST, Outcome.DENY))

    assert refusals(made, {ANALYST}) == [refused]


def test_requests_of_root_are_found() -> None:
    roots = decision(ROOT, Outcome.ALLOW)

    assert by_root((decision(WRITER, Outcome.ALLOW), roots)) == [roots]
