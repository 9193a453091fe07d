"""Shoppers with tastes, and a stand-in of Personalize that was given their interactions."""

import csv
import io
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from c360_core.recommendation.named_filters import ORDERED, ORDERED_EARLIER, VIEWED, NamedFilter, promoted_name
from c360_core.recommendation.request import DAYS
from glue_jobs.recommend.model import Interaction
from twin.emulator.resource_names import arn
from twin.emulator.stand_ins import Resource
from twin.providers.personalize.runtime import Events, Runtime
from twin.providers.personalize.service import Personalize

CATEGORIES: Final = ("BAKERY", "MEAT", "SPIRITS")
ITEMS: Final = {
    f"i{number:02}": {
        "CATEGORY": CATEGORIES[number % 3],
        "OFFERED": "False" if number == 9 else "True",
        "AGE_RESTRICTED": "True" if number % 3 == 2 else "False",
    }
    for number in range(30)
}
COLUMNS: Final = ("DEVICE", "PLACE", "PART_OF_DAY", "WEEKDAY")
GROUP: Final = arn("personalize", "dataset-group/shop")
SOLUTION: Final = arn("personalize", "solution/shop")
TRACKING_ID: Final = "tracker"
ROLE: Final = "arn:aws:iam::000000000000:role/personalize"
_DAY: Final = 86_400


def interactions(*, people: int = 40, seed: int = 5) -> list[Interaction]:
    """Return what so many people did in a hundred days: each likes some articles, and buys them again."""
    chance = random.Random(seed)
    made = []
    for person in range(people):
        liked = chance.sample(sorted(ITEMS), 6)
        for _ in range(40):
            day = chance.randrange(100)
            kinds = (VIEWED, ORDERED if day > 70 else ORDERED_EARLIER)
            made.append(
                Interaction(
                    user_id=f"p_{person:02}",
                    item_id=chance.choice(liked if chance.random() < 0.8 else sorted(ITEMS)),
                    event_type=chance.choice(kinds),
                    at=day * _DAY + chance.randrange(_DAY),
                    context={
                        "DEVICE": chance.choice(("web", "till")),
                        "PLACE": chance.choice(("online", "store")),
                        "PART_OF_DAY": chance.choice(("morning", "evening")),
                        "WEEKDAY": chance.choice(DAYS),
                    },
                )
            )
    return made


@dataclass
class MemoryFiles:
    """Files by location."""

    kept: dict[str, str] = field(default_factory=dict)

    def texts(self, role: str, location: str) -> Iterable[tuple[str, str]]:
        """Yield what lies under a location."""
        assert role == ROLE
        return [(name, text) for name, text in self.kept.items() if name.startswith(location)]

    def write(self, role: str, location: str, text: str) -> None:
        """Keep a file."""
        assert role == ROLE
        self.kept[location] = text


def resource(kind: str, attributes: dict[str, str], **properties: Any) -> Resource:
    """Return a deployed resource of Personalize."""
    return Resource(
        type_name=f"AWS::Personalize::{kind}",
        physical_id=next(iter(attributes.values())),
        logical_id=kind,
        stack="s",
        properties=properties,
        attributes=attributes,
    )


def schema(*names: str) -> str:
    """Return a schema of texts, with a time as a number."""
    fields = [{"name": name, "type": "long" if name == "TIMESTAMP" else "string"} for name in names]
    return json.dumps({"type": "record", "name": "Any", "fields": fields, "version": "1.0"})


def deployed(kind: str) -> Sequence[Resource]:
    """Return what a template deploys."""
    columns = {
        "Interactions": ("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", *COLUMNS),
        "Items": ("ITEM_ID", "CATEGORY", "OFFERED", "AGE_RESTRICTED"),
    }
    expressions = {one.value: one.expression for one in NamedFilter}
    expressions |= {promoted_name(one): one.promoted_expression for one in NamedFilter}
    return {
        "Schema": [
            resource("Schema", {"SchemaArn": f"schema/{name}"}, Schema=schema(*fields))
            for name, fields in columns.items()
        ],
        "Dataset": [
            resource(
                "Dataset",
                {"DatasetArn": f"dataset/{name}"},
                DatasetGroupArn=GROUP,
                DatasetType=name,
                SchemaArn=f"schema/{name}",
            )
            for name in columns
        ],
        "Solution": [
            resource(
                "Solution",
                {"SolutionArn": SOLUTION},
                Name="shop",
                DatasetGroupArn=GROUP,
                RecipeArn="arn:aws:personalize:::recipe/aws-user-personalization",
            )
        ],
        "Filter": [
            resource("Filter", {"FilterArn": filter_arn(name)}, FilterExpression=text)
            for name, text in expressions.items()
        ],
        "EventTracker": [
            resource(
                "EventTracker",
                {"EventTrackerArn": "event-tracker/shop", "TrackingId": TRACKING_ID},
                DatasetGroupArn=GROUP,
            )
        ],
    }[kind]


def filter_arn(name: str) -> str:
    """Return the ARN of a filter."""
    return arn("personalize", f"filter/{name}")


def filter_arns() -> dict[str, str]:
    """Return the ARNs of all filters by name."""
    names = [*NamedFilter, *(promoted_name(one) for one in NamedFilter)]
    return {str(name): filter_arn(name) for name in names}


def csv_text(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows as a CSV file with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def interaction_row(one: Interaction) -> dict[str, Any]:
    """Return an interaction as a row of its data set."""
    known = {"USER_ID": one.user_id, "ITEM_ID": one.item_id, "TIMESTAMP": one.at, "EVENT_TYPE": one.event_type}
    return {**known, **one.context}


@dataclass
class Shop:
    """Personalize with the shop's data; the client is that of boto3, as far as we call it.

    Attributes:
        campaign: the ARN of its campaign, once `train` has run.
    """

    files: MemoryFiles = field(default_factory=MemoryFiles)
    campaign: str = ""

    def __post_init__(self) -> None:
        self.service = Personalize(deployed=deployed, files=self.files)
        self.runtime, self.events = Runtime(self.service), Events(self.service)

    def get_recommendations(self, **request: Any) -> dict[str, Any]:
        """Ask the campaign."""
        return self.runtime.get_recommendations(request)

    def load(self, known: Sequence[Interaction], job: str = "1") -> None:
        """Import interactions and articles."""
        self.files.kept[f"s3://b/interactions/{job}/a.csv"] = csv_text([interaction_row(one) for one in known])
        items = [{"ITEM_ID": name, **told} for name, told in ITEMS.items()]
        self.files.kept[f"s3://b/items/{job}/a.csv"] = csv_text(items)
        for kind in ("Interactions", "Items"):
            self.service.create_dataset_import_job(
                {
                    "jobName": f"{kind}-{job}",
                    "datasetArn": f"dataset/{kind}",
                    "dataSource": {"dataLocation": f"s3://b/{kind.lower()}/{job}/"},
                    "roleArn": ROLE,
                }
            )

    def train(self) -> str:
        """Train, and let the campaign answer by the model; return the version."""
        version: str = self.service.create_solution_version({"solutionArn": SOLUTION})["solutionVersionArn"]
        if self.campaign:
            self.service.update_campaign({"campaignArn": self.campaign, "solutionVersionArn": version})
        else:
            asked = {"name": "shop", "solutionVersionArn": version, "minProvisionedTPS": 1}
            self.campaign = self.service.create_campaign(asked)["campaignArn"]
        return version
