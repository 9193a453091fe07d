"""Preparation: DataBrew's recipe makes a table of customers, which SQL by hand must agree with."""

import json
from typing import Any, Final

from c360_core.names import TableName, Zone, database_name
from twin.scenario.analysis import as_role
from twin.scenario.deployment import Deployment
from twin.scenario.result import Check

PROFILES: Final = "prepared/profile/"
# The columns that the recipe leaves. An average of many numbers depends on their order in its last digits.
PREPARED_SQL: Final = """
SELECT
  person_id, state, language, loyalty_tier, loyalty_points, orders, returns, spend, currency, basket_mean, visits,
  cases_opened, round(csat_average, 9) AS csat_average, return_share, spend_per_order, order_band, tier_rank
FROM {prepared}
"""
# What the recipe says, written by hand; the average is that of those who ordered.
BY_HAND_SQL: Final = """
SELECT DISTINCT
  person_id, upper(state) AS state, language, if(coalesce(loyalty_tier, '') = '', 'none', loyalty_tier) AS loyalty_tier,
  CAST(loyalty_points AS bigint) AS loyalty_points, CAST(orders AS bigint) AS orders,
  CAST(returns AS bigint) AS returns, CAST(spend AS double) AS spend, currency,
  CAST(average_basket AS double) AS basket_mean, CAST(visits AS bigint) AS visits,
  CAST(cases_opened AS bigint) AS cases_opened,
  round(coalesce(CAST(csat_average AS double), avg(CAST(csat_average AS double)) OVER ()), 9) AS csat_average,
  CAST(returns AS double) / orders AS return_share, CAST(spend AS double) / orders AS spend_per_order,
  CASE WHEN orders >= 12 THEN 'often' WHEN orders >= 4 THEN 'sometimes' ELSE 'rarely' END AS order_band,
  CASE loyalty_tier WHEN 'basic' THEN 1e0 WHEN 'silver' THEN 2e0 WHEN 'gold' THEN 3e0 ELSE 0e0 END AS tier_rank
FROM {mart} WHERE orders >= 1
"""
# How many rows there are, and how many only one of the two knows.
_COMPARED_SQL: Final = """
WITH prepared AS ({prepared}), by_hand AS ({by_hand})
SELECT
  (SELECT count(*) FROM prepared),
  (SELECT count(*) FROM by_hand),
  (SELECT count(*) FROM (SELECT * FROM prepared EXCEPT SELECT * FROM by_hand))
    + (SELECT count(*) FROM (SELECT * FROM by_hand EXCEPT SELECT * FROM prepared))
"""


def checks(deployment: Deployment) -> list[Check]:
    """Prepare the customers as every night does, and ask the marketing analyst to compare."""
    deployment.execute("PrepareCustomersStateMachineArn")
    products = database_name(deployment.emulator.settings.environment, Zone.PRODUCTS)
    mart = f"{products}.customer_360"
    sql = _COMPARED_SQL.format(
        prepared=PREPARED_SQL.format(prepared=f"{products}.{TableName.PREPARED_CUSTOMERS}"),
        by_hand=BY_HAND_SQL.format(mart=mart),
    )
    analyst = as_role(deployment, deployment.outputs["MarketingAnalystRoleArn"])
    [counted] = deployment.query(sql, client=analyst, workgroup="MarketingAnalystWorkgroupName")
    prepared, by_hand, differing = (int(str(value)) for value in counted)
    return [
        Check(name="customers prepared in DataBrew", expected=by_hand, actual=prepared),
        Check(name="prepared customers that SQL by hand disagrees with", expected=0, actual=differing),
        Check(name="customers in DataBrew's profile", expected=deployment.count(mart), actual=_profiled(deployment)),
    ]


def _profiled(deployment: Deployment) -> int:
    """Return how many rows the newest profile is of."""
    s3: Any = deployment.client("s3")
    bucket = deployment.outputs["ProductsBucketName"]
    found = s3.list_objects_v2(Bucket=bucket, Prefix=PROFILES)["Contents"]
    newest = max(found, key=lambda one: one["LastModified"])["Key"]
    return int(json.loads(s3.get_object(Bucket=bucket, Key=newest)["Body"].read())["sampleSize"])
