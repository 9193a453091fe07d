"""The Entity Resolution stand-in on a catalog and an object store in memory."""

import csv
import hashlib
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from c360_core.identity.match_groups import match_groups_from_output
from c360_core.identity.workflow import MATCH_FIELDS, MATCH_RULES, OUTPUT_FIELDS
from twin.emulator.wire import ServiceError, Wire
from twin.principals import RoleSession
from twin.providers.entity_resolution.service import EntityResolution

TABLE_ARN = "arn:aws:glue:us-east-1:123456789012:table/curated/er_input"
SCHEMA_ARN = "arn:aws:entityresolution:us-east-1:123456789012:schemamapping/people-schema"
ROLE = "arn:aws:iam::123456789012:role/matching"
KEY = "arn:aws:kms:us-east-1:123456789012:key/1"
SESSION = RoleSession(arn="session/matching", access_key="of matching", secret_key="secret", token="token")
PARQUET = {
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
    "Location": "s3://lake/er_input/",
}
CSV = {
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
        "Parameters": {"separatorChar": ";"},
    },
    "Location": "s3://lake/er_input",
}


def schema_mapping():
    return {
        "SchemaName": "people-schema",
        "MappedInputFields": [
            {"FieldName": field.name, "Type": field.type, **({"MatchKey": field.match_key} if field.match_key else {})}
            for field in MATCH_FIELDS
        ],
    }


def matching_workflow(**techniques):
    rules = [{"RuleName": rule.name, "MatchingKeys": list(rule.match_keys)} for rule in MATCH_RULES]
    return {
        "WorkflowName": "people",
        "InputSourceConfig": [{"InputSourceARN": TABLE_ARN, "SchemaArn": SCHEMA_ARN, "ApplyNormalization": False}],
        "OutputSourceConfig": [
            {"OutputS3Path": "s3://results/er", "Output": [{"Name": name} for name in OUTPUT_FIELDS]}
        ],
        "ResolutionTechniques": {
            "ResolutionType": "RULE_MATCHING",
            "RuleBasedProperties": {"AttributeMatchingModel": "ONE_TO_ONE", "Rules": rules},
            **techniques,
        },
        "RoleArn": ROLE,
    }


def row(match_record_id, **values):
    return {**{field.name: None for field in MATCH_FIELDS}, "match_record_id": match_record_id, **values}


class Catalog:
    """As much of Glue as the stand-in asks for."""

    def __init__(self):
        self.tables = {}

    def get_table(self, *, DatabaseName, Name):  # noqa: N803  # boto3's spelling
        return {"Table": self.tables[DatabaseName, Name]}


class Store:
    """As much of S3 as the stand-in asks for; lists in pages of one object."""

    def __init__(self, *buckets):
        self.buckets = {bucket: {} for bucket in buckets}
        self.encryption = []

    def put_object(self, *, Bucket, Key, Body, ContentType="", **encryption):  # noqa: N803
        self.buckets[Bucket][Key] = Body
        self.encryption.append(encryption)

    def get_object(self, *, Bucket, Key):  # noqa: N803
        return {"Body": io.BytesIO(self.buckets[Bucket][Key])}

    def get_paginator(self, operation):
        assert operation == "list_objects_v2"
        return self

    def paginate(self, *, Bucket, Prefix):  # noqa: N803
        if Bucket not in self.buckets:
            raise LookupError(f"NoSuchBucket: {Bucket}")
        for key, body in sorted(self.buckets[Bucket].items()):
            yield {"Contents": [{"Key": key, "Size": len(body)}]} if key.startswith(Prefix) else {}


def assume(role_arn):
    """Open a session of the one role that trusts the service."""
    if role_arn != ROLE:
        raise ServiceError("AccessDeniedException", f"entityresolution.amazonaws.com may not assume {role_arn}", 403)
    return SESSION


class House:
    """The stand-in with an empty lake around it."""

    def __init__(self):
        self.glue, self.s3 = Catalog(), Store("lake", "results")
        self.workflows = {"people": matching_workflow()}
        self.schemas = {"people-schema": schema_mapping()}
        self.asked, self.denied = [], ""
        self.service = EntityResolution(
            workflows=self.workflows.get,
            schemas=self.schemas.get,
            assume=assume,
            require=self.require,
            clients=self.client,
        )

    def client(self, service, credentials):
        assert credentials == SESSION.variables()
        return {"glue": self.glue, "s3": self.s3}[service]

    def require(self, principal, action, resource, context):
        self.asked.append((principal, action, resource))
        if action == self.denied:
            raise ServiceError("AccessDeniedException", f"{principal} may not {action}", 403)

    def table(self, storage, **parameters):
        columns = [{"Name": field.name, "Type": "string"} for field in MATCH_FIELDS]
        table = {"Name": "er_input", "Parameters": parameters, "StorageDescriptor": {"Columns": columns, **storage}}
        self.glue.tables["curated", "er_input"] = table

    def parquet(self, name, rows):
        body = io.BytesIO()
        columns = pa.schema([(field.name, pa.string()) for field in MATCH_FIELDS])
        pq.write_table(pa.Table.from_pylist(rows, schema=columns), body)
        self.put(name, body.getvalue())

    def put(self, name, body):
        self.s3.buckets["lake"][f"er_input/{name}"] = body

    def run(self):
        job_id = self.service.start_matching_job({"workflowName": "people"})["jobId"]
        self.service.wait(job_id, seconds=20)
        return self.service.get_matching_job({"workflowName": "people", "jobId": job_id})

    def output(self, job, kind):
        folder = f"er/people/{job['jobId']}/{kind}/"
        bodies = [body for key, body in self.s3.buckets["results"].items() if key.startswith(folder)]
        assert bodies
        return [line for body in bodies for line in csv.DictReader(io.StringIO(body.decode()))]


@pytest.fixture
def house():
    return House()


ANNS = [
    row("1", record_id="crm:1", first_name="ann", last_name="lee", birth_date="1980-05-17"),
    row("2", record_id="crm:2", first_name="ann", last_name="lee", birth_date="1980-05-17"),
    row("3", record_id="crm:3", first_name="bob", last_name="lee"),
]


def test_a_job_writes_a_match_id_for_every_row(house):
    house.table(PARQUET)
    house.parquet("part-0.parquet", ANNS[:2])
    house.parquet("part-1.parquet", ANNS[2:])
    house.put("_SUCCESS", b"")
    job = house.run()
    assert (job["status"], job["metrics"]) == (
        "SUCCEEDED",
        {"inputRecords": 3, "totalRecordsProcessed": 3, "recordsNotProcessed": 0, "matchIDs": 2},
    )
    lines = house.output(job, "success")
    assert list(lines[0]) == ["InputSourceARN", "RecordId", "MatchID", "MatchRule", "match_record_id", "record_id"]
    found = {line["RecordId"]: (line["MatchRule"], line["record_id"], line["InputSourceARN"]) for line in lines}
    assert found == {
        "1": ("name-birth-date", "crm:1", TABLE_ARN),
        "2": ("name-birth-date", "crm:2", TABLE_ARN),
        "3": ("", "crm:3", TABLE_ARN),
    }
    assert [group.record_ids for group in match_groups_from_output(lines)] == [("crm:1", "crm:2")]
    assert house.output(job, "error") == []


def test_the_rules_are_those_of_the_template(house):
    house.table(PARQUET)
    house.parquet("part-0.parquet", ANNS)
    house.workflows["people"]["ResolutionTechniques"]["RuleBasedProperties"]["Rules"] = [
        {"RuleName": "family", "MatchingKeys": ["LastName"]}
    ]
    lines = house.output(house.run(), "success")
    assert {line["MatchRule"] for line in lines} == {"family"}
    assert len({line["MatchID"] for line in lines}) == 1


def test_normalisation_is_as_the_template_says(house):
    house.table(PARQUET)
    house.parquet("part-0.parquet", [row("1", email="ann.lee@example.com"), row("2", email="Ann.Lee+x@example.com")])
    house.workflows["people"]["ResolutionTechniques"]["RuleBasedProperties"]["Rules"] = [
        {"RuleName": "mail", "MatchingKeys": ["Email"]}
    ]
    assert house.run()["metrics"]["matchIDs"] == 2
    house.workflows["people"]["InputSourceConfig"][0]["ApplyNormalization"] = "true"
    assert house.run()["metrics"]["matchIDs"] == 1


def test_output_is_encrypted_with_the_key_of_the_template(house):
    house.table(PARQUET)
    house.run()
    house.workflows["people"]["OutputSourceConfig"][0]["KMSArn"] = "arn:aws:kms:us-east-1:123456789012:key/k"
    house.run()
    assert house.s3.encryption[:2] == [{}, {}]
    assert {e["SSEKMSKeyId"] for e in house.s3.encryption[2:]} == {"arn:aws:kms:us-east-1:123456789012:key/k"}


def test_output_is_hashed_where_the_template_says(house):
    house.table(PARQUET)
    house.parquet("part-0.parquet", ANNS[:1])
    house.workflows["people"]["OutputSourceConfig"][0]["Output"] = [{"Name": "first_name", "Hashed": True}]
    (line,) = house.output(house.run(), "success")
    assert line["first_name"] == hashlib.sha256(b"ann").hexdigest()


def test_rows_with_a_bad_id_go_to_the_error_output_with_the_reason(house):
    house.table(PARQUET)
    house.parquet("part-0.parquet", [row(None), row("a:b"), row("x" * 39), row("2"), row("2"), row("ok")])
    job = house.run()
    assert job["metrics"] == {"inputRecords": 6, "totalRecordsProcessed": 1, "recordsNotProcessed": 5, "matchIDs": 1}
    reasons = {line["RecordId"]: line["ErrorMessage"] for line in house.output(job, "error")}
    assert reasons[""] == "match_record_id: the unique id is missing"
    assert reasons["2"] == "match_record_id: the unique id is not unique"
    assert "other characters" in reasons["a:b"]
    assert "more than 38" in reasons["x" * 39]


def test_csv_tables_are_read_with_their_separator_and_header(house):
    house.table(CSV, **{"skip.header.line.count": "1"})
    lines = [
        ";".join(field.name for field in MATCH_FIELDS),
        *(";".join(value or "" for value in r.values()) for r in ANNS),
    ]
    house.put("people.csv", "\n".join(lines).encode())
    assert house.run()["metrics"] == {
        "inputRecords": 3, "totalRecordsProcessed": 3, "recordsNotProcessed": 0, "matchIDs": 2,
    }  # fmt: skip


def test_an_empty_table_gives_an_empty_outcome(house):
    house.table(PARQUET)
    job = house.run()
    assert (job["status"], job["metrics"]["inputRecords"]) == ("SUCCEEDED", 0)
    assert house.output(job, "success") == []


@pytest.mark.parametrize(
    ("storage", "parameters", "message"),
    [
        (PARQUET, {"table_type": "ICEBERG"}, "er_input: the service reads CSV and Parquet files, not Iceberg"),
        (
            {"Location": "s3://lake/er_input/", "SerdeInfo": {"SerializationLibrary": "orc"}},
            {},
            "the serializer is orc",
        ),
        ({**PARQUET, "Location": "s3://nowhere/er_input/"}, {}, "NoSuchBucket"),
    ],
)
def test_a_job_that_cannot_read_its_input_fails_with_the_reason(house, storage, parameters, message):
    house.table(storage, **parameters)
    job = house.run()
    assert job["status"] == "FAILED"
    assert message in job["errorDetails"]["errorMessage"]
    assert job["endTime"] >= job["startTime"]


def test_a_job_fails_when_the_template_lacks_the_schema_mapping(house):
    house.schemas.clear()
    assert house.run()["errorDetails"]["errorMessage"].endswith("there is no schema mapping people-schema")


@pytest.mark.parametrize(
    ("techniques", "message"),
    [
        ({"RuleConditionProperties": {"Rules": []}}, "RuleConditionProperties"),
        ({"ResolutionType": "ML_MATCHING"}, "ResolutionType ML_MATCHING"),
        ({"RuleBasedProperties": {"MatchPurpose": "INDEXING"}}, "MatchPurpose INDEXING"),
    ],
)
def test_an_unsupported_request_is_refused_by_name(house, techniques, message):
    house.workflows["people"] = matching_workflow(**techniques)
    with pytest.raises(ServiceError, match=message) as raised:
        house.service.start_matching_job({"workflowName": "people"})
    assert raised.value.code == "ValidationException"


def test_unknown_workflows_and_jobs_are_not_found(house):
    for call in (
        lambda: house.service.start_matching_job({"workflowName": "nobody"}),
        lambda: house.service.list_matching_jobs({"workflowName": "nobody"}),
        lambda: house.service.get_matching_job({"workflowName": "people", "jobId": "0" * 32}),
    ):
        with pytest.raises(ServiceError) as raised:
            call()
        assert (raised.value.code, raised.value.status) == ("ResourceNotFoundException", 404)


def test_one_job_at_a_time(house, monkeypatch):
    house.table(PARQUET)
    monkeypatch.setattr(house.service, "_run", lambda *_: None)  # a job that never ends
    house.service.start_matching_job({"workflowName": "people"})
    with pytest.raises(ServiceError, match="still running") as raised:
        house.service.start_matching_job({"workflowName": "people"})
    assert raised.value.code == "ConflictException"
    house.workflows["others"] = {**matching_workflow(), "WorkflowName": "others"}
    with pytest.raises(ServiceError, match="one matching job at a time: that of people is running") as raised:
        house.service.start_matching_job({"workflowName": "others"})
    assert raised.value.code == "ExceedsLimitException"


def test_jobs_are_listed_newest_first_in_pages(house):
    house.table(PARQUET)
    ids = [house.run()["jobId"] for _ in range(3)][::-1]
    first = house.service.list_matching_jobs({"workflowName": "people", "maxResults": 2})
    rest = house.service.list_matching_jobs(
        {"workflowName": "people", "maxResults": 2, "nextToken": first["nextToken"]}
    )
    assert [job["jobId"] for job in first["jobs"] + rest["jobs"]] == ids
    assert "nextToken" not in rest


def test_requests_and_answers_fit_the_services_model(house):
    house.table(PARQUET)
    house.parquet("part-0.parquet", ANNS)
    wire = Wire("entityresolution", house.service)
    job_id = wire.invoke("startMatchingJob", {"workflowName": "people"})["jobId"]
    house.service.wait(job_id, seconds=20)
    assert wire.invoke("getMatchingJob", {"workflowName": "people", "jobId": job_id})["status"] == "SUCCEEDED"
    assert wire.invoke("listMatchingJobs", {"workflowName": "people"})["jobs"][0]["jobId"] == job_id


@pytest.mark.parametrize(
    ("kind", "properties"),
    [("MatchingWorkflow", matching_workflow()), ("SchemaMapping", schema_mapping())],
)
def test_these_templates_fit_the_published_schema(kind, properties):
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", f"AWS::EntityResolution::{kind}").schema
    assert set(schema["required"]) <= properties.keys() <= schema["properties"].keys()


def test_workflow_and_mapping_are_described_as_the_service_describes_them(house):
    wire = Wire("entityresolution", house.service)

    workflow = wire.invoke("getMatchingWorkflow", {"workflowName": "people"})
    (source,) = workflow["inputSourceConfig"]
    schema = wire.invoke("getSchemaMapping", {"schemaName": source["schemaName"]})

    assert source["schemaName"] == "people-schema"
    assert [mapped["fieldName"] for mapped in schema["mappedInputFields"]] == [field.name for field in MATCH_FIELDS]
    with pytest.raises(ServiceError, match="there is no schema mapping nobody"):
        house.service.get_schema_mapping({"schemaName": "nobody"})


class TestTheRole:
    """House checks that every client has the credentials of the workflow's role."""

    def test_it_is_asked_for_what_the_service_does_itself(self, house):
        house.table(PARQUET)
        house.parquet("part", [row("a", email_1="ann@example.com")])
        house.workflows["people"]["OutputSourceConfig"][0]["KMSArn"] = KEY
        assert house.run()["status"] == "SUCCEEDED"
        assert {principal for principal, _, _ in house.asked} == {SESSION.arn}
        catalog = "arn:aws:glue:us-east-1:123456789012"
        assert [(action, resource) for _, action, resource in house.asked] == [
            ("lakeformation:GetDataAccess", "*"),
            ("glue:GetDatabase", f"{catalog}:database/curated"),
            ("glue:GetPartition", TABLE_ARN),
            ("glue:GetPartitions", TABLE_ARN),
            ("glue:BatchGetPartition", TABLE_ARN),
            ("entityresolution:GetSchemaMapping", SCHEMA_ARN),
            ("kms:Decrypt", KEY),
            ("kms:GenerateDataKey", KEY),
            ("kms:Encrypt", KEY),
        ]

    def test_a_permission_that_is_missing_fails_the_job(self, house):
        house.table(PARQUET)
        house.parquet("part", [row("a", email_1="ann@example.com")])
        house.denied = "lakeformation:GetDataAccess"
        job = house.run()
        assert job["status"] == "FAILED"
        assert job["errorDetails"]["errorMessage"] == "session/matching may not lakeformation:GetDataAccess"

    def test_a_role_that_does_not_trust_the_service_fails_the_job(self, house):
        house.workflows["people"]["RoleArn"] = "arn:aws:iam::123456789012:role/other"
        job = house.run()
        assert job["status"] == "FAILED"
        assert "may not assume" in job["errorDetails"]["errorMessage"]
