"""The budget of an environment."""

from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_sns as sns
from constructs import Construct

from c360_core.names import PROJECT

_ALERT_AT_PERCENT = (80, 100)


class Budget(Construct):
    """A monthly budget for resources with our tag; it alerts on the alarm topic at 80 and 100 %."""

    def __init__(self, scope: Construct, id_: str, *, monthly_usd: int, environment: str, topic: sns.ITopic) -> None:
        super().__init__(scope, id_)
        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=f"{PROJECT}-{environment}",
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=monthly_usd, unit="USD"),
                cost_filters={"TagKeyValue": [f"user:environment${environment}"]},
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        notification_type="ACTUAL",
                        comparison_operator="GREATER_THAN",
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[
                        budgets.CfnBudget.SubscriberProperty(subscription_type="SNS", address=topic.topic_arn)
                    ],
                )
                for percent in _ALERT_AT_PERCENT
            ],
        )
