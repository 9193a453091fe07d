"""The stand-in for text messages: an outbox, the opt-out list, and reports in AWS's form."""

from typing import Any

import pytest

from c360_core.delivery import Outcome
from lambdas.delivery_reports.text import read_text_report
from tests.factories.text_reports import text_report
from twin.emulator.wire import ServiceError, Wire
from twin.providers.sms_voice.service import FAILURE, SUCCESS, SmsVoice


def test_the_stand_in_reports_in_this_form_and_refuses_who_said_stop() -> None:
    told: list[Any] = []
    service = SmsVoice(has_configuration_set=lambda name: name == "c360-dev", tell=told.append)
    wire = Wire("pinpoint-sms-voice-v2", service)
    request = {"MessageBody": "Hello", "ConfigurationSetName": "c360-dev", "Context": {"message_id": "m_1"}}

    for number in (SUCCESS, FAILURE):
        wire.invoke("SendTextMessage", {**request, "DestinationPhoneNumber": number})
    reports = [report for event in told if (report := read_text_report(event)) is not None]
    assert [report.outcome for report in reports] == [Outcome.DELIVERED, Outcome.BOUNCED]
    assert set(told[0]) <= set(text_report("SENT"))

    wire.invoke("PutOptedOutNumber", {"OptOutListName": "Default", "OptedOutNumber": SUCCESS})
    with pytest.raises(ServiceError) as raised:
        wire.invoke("SendTextMessage", {**request, "DestinationPhoneNumber": SUCCESS})
    assert raised.value.fields == {"Reason": "DESTINATION_PHONE_NUMBER_OPTED_OUT"}
    listed = wire.invoke("DescribeOptedOutNumbers", {"OptOutListName": "Default"})["OptedOutNumbers"]
    assert [one["OptedOutNumber"] for one in listed] == [SUCCESS]
    wire.invoke("DeleteOptedOutNumber", {"OptOutListName": "Default", "OptedOutNumber": SUCCESS})
    wire.invoke("SendTextMessage", {**request, "DestinationPhoneNumber": SUCCESS})
    assert len(service.outbox) == 3
