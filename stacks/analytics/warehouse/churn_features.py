"""What the churn model is told of a customer: columns of the mart `churn_features`, in the order of its function."""

from typing import Final

FEATURES: Final = (
    "tenure_days",
    "recency_days",
    "orders",
    "orders_3_months",
    "orders_12_months",
    "returns",
    "spend",
    "spend_3_months",
    "spend_12_months",
    "visits_3_months",
    "product_views_3_months",
    "baskets_3_months",
    "messages_read_3_months",
    "cases_12_months",
    # Grades begin at 1; who gave none has no missing value, which each service would treat in its own way.
    "COALESCE(csat_12_months, 0)",
)
