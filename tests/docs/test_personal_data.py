"""The list of personal data names each column that the contracts classify, and each store that the templates make."""

import re
from typing import Final

import pytest

from c360_core.contracts import Table
from c360_core.names import STACKS, PiiClass, Stream
from tests.docs.documents import ROOT, table
from tests.docs.programs import deployed
from tools.contracts import load_and_check

LIST: Final = ROOT / "docs" / "personal-data.md"
CLOSED: Final = (PiiClass.DIRECT, PiiClass.SENSITIVE)
# The kinds of resources that keep what passes through, in the words of the list. All of a kind share one row, or each
# resource has its own.
SHARED: Final = {
    "AWS::RedshiftServerless::Namespace": "the warehouse",
    "AWS::SQS::Queue": "dead-letter queues",
    "AWS::StepFunctions::StateMachine": "executions of state machines",
    "AWS::KinesisAnalyticsV2::Application": "snapshots of `clean` and `unify`",
    "AWS::Logs::LogGroup": "log groups",
    "AWS::QuickSight::DataSet": "data sets of the dashboards",
    "AWS::SageMaker::Domain": "disks of SageMaker Studio",
    "AWS::Personalize::Dataset": "Amazon Personalize, and the files under `personalize/` in the bucket `Training`",
    "AWS::Events::ApiDestination": "the system of customer service (`activation.service_tasks.url`)",
}
# Systems outside that a setting names, and that no resource stands for.
OUTSIDE: Final = (
    "subscribers of webhooks (`activation.webhooks`)",
    "the loyalty system (`activation.loyalty.url`)",
    "the platforms of `activation.audiences`",
)
OWN: Final = {
    "AWS::S3::Bucket": "bucket",
    "AWS::DynamoDB::GlobalTable": "table",
    "AWS::SageMaker::FeatureGroup": "group of features",
}
# They keep data, and it is none about people, or the list has it under another store.
ELSEWHERE: Final = {
    "AWS::Glue::Table": "the columns of the lake are a table of their own, and their rows are in the buckets",
    "AWS::SecretsManager::Secret": "keys of sources, and what logs in to vendors and databases",
    "AWS::CloudTrail::Trail": "its records are in the bucket of the data events",
}
# Every type that AWS documents as a store, and that this project may come to use.
KEEPING: Final = re.compile(
    r"AWS::(S3::Bucket|DynamoDB::(Global)?Table|Kinesis::Stream|SQS::Queue|Logs::LogGroup|Glue::Table|"
    r"SecretsManager::Secret|CloudTrail::Trail|StepFunctions::StateMachine|KinesisAnalyticsV2::Application|"
    r"RDS::DB(Cluster|Instance)|Neptune::DBCluster|RedshiftServerless::Namespace|MSK::(Serverless)?Cluster|"
    r"SageMaker::(FeatureGroup|Domain)|Personalize::Dataset|CustomerProfiles::Domain|QuickSight::DataSet|"
    r"Events::(Archive|ApiDestination)|OpenSearchService::Domain|EFS::FileSystem|ElastiCache::\w+|Connect::Instance)"
)


def resources() -> list[tuple[str, str]]:
    """Return type and name of each resource of the environment with everything, without CDK's hash."""
    found = (deployed(pillar)["Resources"].items() for pillar in STACKS)
    return [
        (resource["Type"], re.sub(r"[0-9A-F]{8}$", "", name)) for resources in found for name, resource in resources
    ]


def tables() -> list[Table]:
    """Return every table that has a contract, and those that only a clean room or an audience brings."""
    agreed = load_and_check().contracts
    return [
        *agreed.lake_tables(),
        *agreed.shared_tables(),
        *agreed.audience_tables(),
        *agreed.matching_tables(),
    ]


def stores() -> set[str]:
    return {row[0] for row in table(LIST, "stores")}


def test_the_columns_are_those_of_the_contracts() -> None:
    rows = {name.strip("`"): (closed, open_) for name, closed, open_ in table(LIST, "columns")}
    expected = {
        f"{each.zone}.{each.name}": tuple(
            ", ".join(f"`{field.name}`" for field in each.fields if field.classification in classes)
            for classes in (CLOSED, (PiiClass.PSEUDONYMOUS,))
        )
        for each in tables()
    }
    assert rows == {name: cells for name, cells in expected.items() if any(cells)}


def test_every_store_of_the_templates_is_in_the_list() -> None:
    own = {f"{OWN[kind]} `{name}`" for kind, name in resources() if kind in OWN}
    shared = {SHARED[kind] for kind, _ in resources() if kind in SHARED}
    assert own | shared | {f"stream `{stream}`" for stream in Stream} | set(OUTSIDE) == stores()


def test_a_new_kind_of_store_is_asked_about() -> None:
    kinds = {kind for kind, _ in resources() if KEEPING.fullmatch(kind)}
    assert kinds == {*OWN, *SHARED, *ELSEWHERE, "AWS::Kinesis::Stream"}


@pytest.mark.parametrize("part", ["stores", "columns"])
def test_no_row_stands_twice(part: str) -> None:
    names = [row[0] for row in table(LIST, part)]
    assert len(names) == len(set(names))
