"""The alarms."""

from ops.smoke.checks import check, expect
from ops.smoke.deployed import DeployedEnvironment


@check(
    "alarms",
    fix="the runbooks say what each alarm means; one of silence ends by itself some minutes after a first deployment",
)
def alarms(deployed: DeployedEnvironment) -> str:
    """Nothing is wrong already."""
    names = set(deployed.ids("AWS::CloudWatch::Alarm"))
    pages = deployed.client("cloudwatch").get_paginator("describe_alarms").paginate()
    found = [alarm for page in pages for alarm in page["MetricAlarms"] if alarm["AlarmName"] in names]
    wrong = [f"{one['AlarmName']}: {one.get('AlarmDescription', '')}" for one in found if one["StateValue"] == "ALARM"]
    return expect(wrong, f"{len(names)}, none in ALARM")
