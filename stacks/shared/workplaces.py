"""The buckets in which people and trainings work beside the lake."""

from dataclasses import dataclass

from aws_cdk import aws_s3 as s3


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplaces:
    """Buckets of the foundation, which have their access logs there; each is None where nobody uses it.

    Attributes:
        homes: what people write in the studios.
        training: what models are trained on, for a day.
        models: models that were trained, with what they were measured by.
        features: what models were told of customers, month by month.
    """

    homes: s3.IBucket | None
    training: s3.IBucket | None
    models: s3.IBucket | None
    features: s3.IBucket | None
