"""An alarm on an expression is deployed, and never evaluated."""

from ministack.services import cloudwatch
from ministack.services.cloudformation import provisioners

from twin.patches.alarm_expressions import recording

ALARM = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 0, "EvaluationPeriods": 1}
EXPRESSION = [{"Id": "restarts", "Expression": "DIFF(counter)"}]

recorded = recording(provisioners._cw_metric_alarm_record)


def test_an_alarm_on_an_expression_keeps_it() -> None:
    alarm = recorded("Restarts", {**ALARM, "Metrics": EXPRESSION})
    assert alarm["Metrics"] == EXPRESSION
    assert (alarm["StateValue"], alarm["Threshold"]) == ("INSUFFICIENT_DATA", 0.0)


def test_metrics_do_not_change_its_state() -> None:
    alarm = recorded("Restarts", {**ALARM, "Metrics": EXPRESSION})
    cloudwatch._evaluate_alarm(alarm)
    assert alarm["StateValue"] == "INSUFFICIENT_DATA"


def test_an_alarm_on_one_metric_is_as_before() -> None:
    properties = {**ALARM, "MetricName": "Errors", "Namespace": "AWS/Lambda"}
    assert recorded("Errors", properties) == provisioners._cw_metric_alarm_record("Errors", properties)
