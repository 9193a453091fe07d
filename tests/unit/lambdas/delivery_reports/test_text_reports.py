"""What carriers report of text messages, in our words."""

import pytest

from c360_core.delivery import Outcome
from lambdas.delivery_reports.report import UnreadableReportError
from lambdas.delivery_reports.text import read_text_report
from tests.factories.text_reports import text_report


@pytest.mark.parametrize(
    ("status", "outcome", "payload", "permanent"),
    [
        ("DELIVERED", Outcome.DELIVERED, {}, False),
        ("SUCCESSFUL", Outcome.DELIVERED, {}, False),
        ("INVALID", Outcome.BOUNCED, {"bounce_type": "permanent", "bounce_subtype": "INVALID"}, True),
        ("UNREACHABLE", Outcome.BOUNCED, {"bounce_type": "transient", "bounce_subtype": "UNREACHABLE"}, False),
        ("TTL_EXPIRED", Outcome.BOUNCED, {"bounce_type": "transient", "bounce_subtype": "TTL_EXPIRED"}, False),
        ("CARRIER_BLOCKED", Outcome.REJECTED, {"reason": "CARRIER_BLOCKED"}, False),
    ],
)
def test_a_last_word_is_an_outcome(status: str, outcome: Outcome, payload: dict[str, str], *, permanent: bool) -> None:
    report = read_text_report(text_report(status))

    assert report is not None
    assert (report.outcome, report.payload, report.permanent) == (outcome, payload, permanent)
    assert (report.message_id, report.at.isoformat()) == ("m_1", "2023-06-17T04:11:43.470000+00:00")


@pytest.mark.parametrize(("status", "final"), [("SENT", False), ("QUEUED", False), ("SUCCESSFUL", False)])
def test_what_is_on_its_way_says_nothing_yet(status: str, *, final: bool) -> None:
    assert read_text_report(text_report(status, final=final)) is None


def test_a_report_without_a_field_names_it_and_no_number() -> None:
    broken = {**text_report("DELIVERED"), "context": {}}

    with pytest.raises(UnreadableReportError, match=r"context\.message_id") as raised:
        read_text_report(broken)
    assert "4255550156" not in str(raised.value)
