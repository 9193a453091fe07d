"""The warehouse, by a switch: closed, encrypted, limited, and loaded from the marts when these have been built."""

import re

import pytest
import sqlglot
import yaml
from sqlglot import exp

from c360_core import contracts
from c360_core.names import PiiClass, Stream, TableName, Zone, database_name, stream_name
from c360_core.personas import PERSONAS
from config.analytics import RowRule
from config.settings import SettingsError, load
from stacks.analytics.warehouse.access import AccessError, access_batches
from stacks.analytics.warehouse.churn_features import FEATURES
from stacks.analytics.warehouse.relations import relations_of
from stacks.analytics.warehouse.statements import read_batches
from tests.infrastructure.assembly import ROOT, definition, listed, resolve, states
from tests.infrastructure.rights import resources_of, tables_in

FOLDER = ROOT / "sql" / "warehouse"
VALUES = {"products": "c360_dev_products", "curated": "c360_dev_curated"}
# Of the statements about the churn model.
CHURN = {
    **VALUES,
    "features": ", ".join(FEATURES),
    "role": "arn:aws:iam::123456789012:role/Churn",
    "bucket": "training",
    "key": "key",
    "max_cells": "1000000",
    "max_seconds": "1800",
}
NAMESPACE, WORKGROUP = "AWS::RedshiftServerless::Namespace", "AWS::RedshiftServerless::Workgroup"


def batches():
    return read_batches(FOLDER, VALUES)


def of_churn():
    return {one.name: one for one in read_batches(FOLDER / "churn", CHURN)}


def access(*rules):
    return access_batches(relations_of(batches()), rules)


def tables_of_the_lake():
    """Return the tables that the statements read in external schemas."""
    read = set()
    for batch in (*batches(), *of_churn().values()):
        for statement in batch.statements:
            if statement.startswith(("CREATE EXTERNAL SCHEMA", "REFRESH", "DROP MODEL")):
                continue
            trained_on = re.search(r"^CREATE MODEL .*FROM \((.*)\)\nTARGET", statement, re.DOTALL)
            tree = sqlglot.parse_one(trained_on[1] if trained_on else statement, read="redshift")
            assert not isinstance(tree, exp.Command), statement
            read |= {(table.db, table.name) for table in tree.find_all(exp.Table) if table.db.startswith("lake_")}
    return read


def test_a_switch_brings_the_warehouse_and_leaves_nothing(assembly):
    found = [one for one in assembly.resources() if "Warehouse" in one.logical_id or "Redshift" in one.document["Type"]]
    tagged = [one for one in assembly.resources("AWS::IAM::Role") if "RedshiftDbRoles" in str(one.properties)]
    deployed = assembly.settings.analytics.warehouse.deployed
    assert bool(found) is bool(tagged) is deployed is (assembly.settings.environment == "everything")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("analytics: {warehouse: {deployed: true}}", "needs foundation.network.deployed: true"),
        (
            "{foundation: {network: {deployed: true}}, analytics: {warehouse: {deployed: true}}}",
            "availability_zones: 3",
        ),
        ("analytics: {warehouse: {base_capacity: 12}}", "base_capacity is not a multiple of 8"),
        ("analytics: {warehouse: {base_capacity: 16, max_capacity: 8}}", "max_capacity is less than base_capacity"),
        ("analytics: {warehouse: {daily_hours: 0}}", "greater than or equal to 1"),
        ("analytics: {warehouse: {churn: {deployed: true}}}", "churn.deployed is on and deployed is off"),
        ("analytics: {warehouse: {streaming: {deployed: true}}}", "streaming.deployed is on and deployed is off"),
        (
            "{foundation: {network: {deployed: true, availability_zones: 3}}, collection: {streams: {provider: msk}}, "
            "analytics: {warehouse: {deployed: true, streaming: {deployed: true}}}}",
            "needs collection.streams.provider: kinesis",
        ),
        ("analytics: {dashboards: {row_rules: [{column: currency, values: [USD]}]}}", "a rule limits nobody"),
        (
            "analytics: {dashboards: {row_rules: [{column: currency, values: [USD], warehouse_roles: [dollars]}]}}",
            "limits the role dollars of the warehouse, and warehouse.deployed is off",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(text, said, tmp_path):
    (tmp_path / "dev.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=re.escape(said)):
        load("dev", tmp_path)


def test_it_is_private_encrypted_and_small(everything):
    namespace = everything.one(NAMESPACE, "analytics").properties
    assert "KeyArn" in resolve(namespace["KmsKeyId"]) or "Key" in resolve(namespace["KmsKeyId"])
    assert namespace["KmsKeyId"] == namespace["AdminPasswordSecretKmsKeyId"]
    assert namespace["ManageAdminPassword"] is True
    workgroup = everything.one(WORKGROUP, "analytics").properties
    assert workgroup["PubliclyAccessible"] is False
    assert workgroup["EnhancedVpcRouting"] is True
    subnets = {resolve(one) for one in workgroup["SubnetIds"]}
    zones = {
        one.properties["AvailabilityZone"]["Fn::Select"][0]
        for one in everything.resources("AWS::EC2::Subnet", "foundation")
        if any(name.startswith(one.logical_id) for name in subnets)
    }
    assert (len(subnets), zones) == (3, {0, 1, 2})
    assert (workgroup["BaseCapacity"], workgroup["MaxCapacity"]) == (8, 8)
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in workgroup["ConfigParameters"]}
    assert parameters["require_ssl"] == "true"
    [group] = [
        one.properties
        for one in everything.resources("AWS::EC2::SecurityGroup", "analytics")
        if one.logical_id.startswith("WarehouseAccess")
    ]
    assert "SecurityGroupIngress" not in group
    assert [(rule["FromPort"], rule["ToPort"]) for rule in group["SecurityGroupEgress"]] == [(443, 443)]


def test_its_logs_are_kept_as_long_as_all_others_and_under_the_key(everything):
    namespace = everything.one(NAMESPACE, "analytics")
    name = namespace.properties["NamespaceName"]
    groups = {
        one.properties["LogGroupName"]: one
        for one in everything.resources("AWS::Logs::LogGroup", "analytics")
        if str(one.properties.get("LogGroupName", "")).startswith("/aws/redshift/")
    }
    assert sorted(groups) == [f"/aws/redshift/{name}/{log}" for log in sorted(namespace.properties["LogExports"])]
    for group in groups.values():
        assert group.properties["RetentionInDays"] == everything.settings.runtime.log_retention_days
        assert "KmsKeyId" in group.properties
        assert group.logical_id in listed(namespace.document["DependsOn"])


def test_its_limit_is_that_of_the_settings_and_goes_before_it(everything):
    limit = everything.one("Custom::WarehouseLimit", "analytics")
    assert limit.properties["DailyHours"] == str(everything.settings.analytics.warehouse.daily_hours)
    workgroup = everything.one(WORKGROUP, "analytics").logical_id
    assert resolve(limit.properties["Workgroup"]) == f"{workgroup}.Workgroup.WorkgroupArn"


def test_it_is_loaded_when_the_marts_have_been_built(everything):
    [rule] = [
        one.properties
        for one in everything.resources("AWS::Events::Rule", "analytics")
        if one.logical_id.startswith("WarehouseLoadsBuilt")
    ]
    pattern = rule["EventPattern"]
    assert pattern["source"] == ["aws.states"]
    assert pattern["detail"]["status"] == ["SUCCEEDED"]
    [machine] = pattern["detail"]["stateMachineArn"]
    built_by = everything.one("AWS::StepFunctions::StateMachine", "analytics", "ModelsRun")
    assert resolve(machine) == built_by.logical_id
    assert "EventBusName" not in rule  # AWS's own events are on the default bus


def test_a_load_runs_the_shipped_statements_and_a_rebuild_drops_everything_first(everything):
    found = states(definition(everything.one("AWS::StepFunctions::StateMachine", "analytics", "WarehouseLoads")))
    environment = everything.settings.environment
    values = {str(zone): database_name(environment, zone) for zone in (Zone.PRODUCTS, Zone.CURATED)}
    stream = stream_name(environment, Stream.INTERACTIONS)
    live = read_batches(FOLDER / "live", {"stream": stream})
    made = [*read_batches(FOLDER, values)[:-1], of_churn()["prepare"], *live]
    shipped = [*made, *access_batches(relations_of(made), everything.settings.analytics.dashboards.row_rules)]
    load_items, rebuild_items = found["Load"]["Result"], found["Rebuild"]["Result"]
    assert load_items == [{"once": "yes" if one.once else "no", "statements": list(one.statements)} for one in shipped]
    assert rebuild_items[0]["statements"] == ["DROP SCHEMA IF EXISTS warehouse CASCADE"]
    assert rebuild_items[1:] == load_items
    [check] = read_batches(FOLDER, values)[-1].statements
    assert found["Compare"]["Parameters"]["Sql"] == check
    assert found["EachBatch"]["MaxConcurrency"] == 1


def test_its_role_reads_the_marts_and_whose_identifiers_are_and_nothing_else(everything):
    read = resources_of(everything, "analytics", "WarehouseRole", "glue:GetTable")
    environment = everything.settings.environment
    named = {(schema.removeprefix("lake_"), table) for schema, table in tables_of_the_lake()}
    assert set(tables_in(read)) == {f"{database_name(environment, Zone(zone))}/{table}" for zone, table in named}
    granted = {
        (zone, str(one.properties["Resource"]["Table"].get("Name", "*")), tuple(one.properties["Permissions"]))
        for zone in ("raw", "quarantine", "curated", "products")
        for one in everything.resources("AWS::LakeFormation::PrincipalPermissions", f"governance-{zone}")
        if one.logical_id.startswith("GrantsWarehouse") and "Table" in one.properties["Resource"]
    }
    assert granted == {
        ("curated", "identifier_map", ("SELECT", "DESCRIBE")),
        ("products", "*", ("SELECT", "DESCRIBE")),
    }


# ---- what the statements say


def test_every_statement_is_redshifts_and_reads_what_there_is():
    marts = {path.stem for path in (ROOT / "sql" / "models").rglob("*.sql")}
    known = {"lake_products": marts, "lake_curated": {TableName.IDENTIFIER_MAP}}
    read = tables_of_the_lake()
    assert {(schema, name) for schema, name in read if name not in known[schema]} == set()
    assert {name for schema, name in read if schema == "lake_products"} >= {"customer_360", "spend_by_currency"}


def test_no_column_says_more_than_the_personas_may_read():
    """The marts are pseudonymous as a whole; a column under the name of a curated one keeps its class."""
    classes = {
        column.name: column.classification
        for table in contracts.load().lake_tables()
        if table.zone is Zone.CURATED
        for column in table.fields
    }
    allowed = {one for persona in PERSONAS if persona.reads_warehouse for one in persona.classes}
    assert allowed == {PiiClass.NONE, PiiClass.PSEUDONYMOUS}
    [prepare] = [batch for batch in batches() if batch.name == "prepare"]
    kept = {
        column.name
        for statement in prepare.statements
        if statement.startswith("CREATE TABLE")
        for column in sqlglot.parse_one(statement, read="redshift").find_all(exp.ColumnDef)
    }
    assert len(kept) > 30
    assert {name for name in kept if classes.get(name, PiiClass.PSEUDONYMOUS) not in allowed} == set()


def test_nobody_is_granted_to_change_anything():
    granted = [one for batch in access() for one in batch.statements if one.startswith("GRANT")]
    assert granted
    assert {" ".join(one.split()[:2]) for one in granted} == {"GRANT USAGE", "GRANT SELECT"}


def test_every_relation_is_protected_that_redshift_lets_be_protected():
    """Redshift takes no policy of rows on what a materialized view reads, on external tables and on temporary ones."""
    relations = relations_of(batches())
    assert {one.name for one in relations if not one.takes_policies} == {"bridge_person", "dim_date", "fact_activity"}
    statements = [one for batch in access() for one in batch.statements]
    switched = {one.split()[-8] for one in statements if one.endswith("ROW LEVEL SECURITY ON CONJUNCTION TYPE OR")}
    assert switched == {one.place for one in relations if one.takes_policies}
    views = {one.place for one in relations if one.is_view}
    assert {one.split()[3] for one in statements if one.startswith("ALTER MATERIALIZED VIEW")} == views != set()


def test_every_column_with_contact_data_is_hidden_before_anything_is_granted():
    statements = [one for batch in access() for one in batch.statements]
    relations = [one for one in relations_of(batches()) if {"email_masked", "phone_masked"} & set(one.columns)]
    assert [one.name for one in relations] == ["dim_person"]
    hidden = [
        f"ATTACH MASKING POLICY hide_contact ON warehouse.dim_person ({column}) TO PUBLIC PRIORITY 0"
        for column in ("email_masked", "phone_masked")
    ]
    granted = [number for number, one in enumerate(statements) if one.startswith("GRANT")]
    assert max(statements.index(one) for one in hidden) < min(granted)


def test_a_limited_role_is_not_a_personas_and_its_column_is_known():
    rule = {"column": "currency", "values": ("USD",)}
    with pytest.raises(AccessError, match="the role marketing_analyst is a persona's"):
        access(RowRule(**rule, warehouse_roles=("marketing_analyst",)))
    with pytest.raises(AccessError, match="nothing in the warehouse has the column state; use one of currency"):
        access(RowRule(column="state", values=("TX",), warehouse_roles=("texans",)))


def test_what_is_run_again_does_not_fail_because_it_is_there():
    """Of a policy of rows everything is made anew in one transaction; a mask has no form that does nothing."""
    rule = RowRule(column="currency", values=("USD", "EUR"), warehouse_roles=("west",))
    by_name = {batch.name: batch for batch in access(rule)}
    once = {name for name, batch in by_name.items() if batch.once}
    assert once == {
        "role_marketing_analyst",
        "role_west",
        "hide_contact_email_masked",
        "hide_contact_phone_masked",
        "show_contact_email_masked_marketing_analyst",
        "show_contact_phone_masked_marketing_analyst",
    }
    assert all(len(by_name[name].statements) == 1 for name in once)
    assert list(by_name["rows_west"].statements) == [
        "DROP RLS POLICY IF EXISTS rows_west_1 CASCADE",
        "CREATE RLS POLICY rows_west_1 WITH (currency VARCHAR(3)) USING (currency IN ('EUR', 'USD'))",
        "ATTACH RLS POLICY rows_west_1 ON warehouse.spend_by_month, warehouse.spend_by_person TO ROLE west",
    ]


def test_a_statement_without_its_end_is_refused(tmp_path):
    (tmp_path / "10_a.sql").write_text("SELECT 1;\nSELECT 2\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"10_a\.sql: end each statement with a semicolon"):
        read_batches(tmp_path, {})
    (tmp_path / "10_a.sql").write_text("SELECT '${nothing}';\n", encoding="utf-8")
    with pytest.raises(KeyError, match="nothing"):
        read_batches(tmp_path, {})


# ---- the churn model


def training(everything):
    return states(definition(everything.one("AWS::StepFunctions::StateMachine", "analytics", "WarehouseChurn")))


def test_the_churn_model_is_a_switch_of_its_own(assembly):
    found = [one for one in assembly.resources() if "Churn" in one.logical_id and one.pillar == "analytics"]
    deployed = assembly.settings.analytics.warehouse.churn.deployed
    assert bool(found) is deployed is (assembly.settings.environment == "everything")


def test_the_statement_is_redshifts_and_limits_what_it_costs(everything):
    sql = resolve(training(everything)["SendTrain"]["Parameters"]["Sql"])
    # Redshift takes the words in this order alone.
    words = [
        "CREATE MODEL", "FROM", "TARGET", "FUNCTION", "IAM_ROLE", "AUTO OFF", "MODEL_TYPE XGBOOST", "OBJECTIVE",
        "PREPROCESSORS 'none'", "HYPERPARAMETERS", "SETTINGS", "S3_BUCKET", "KMS_KEY_ID", "MAX_CELLS", "MAX_RUNTIME",
    ]  # fmt: skip
    places = [sql.index(f"\n{word}" if word.isupper() and word in {"TARGET"} else word) for word in words]
    assert places == sorted(places)
    churn = everything.settings.analytics.warehouse.churn
    assert f"MAX_CELLS {churn.max_cells}, MAX_RUNTIME {churn.max_minutes * 60})" in sql


def test_each_model_statement_is_sent_by_itself(everything):
    """DROP MODEL commits at once, and CREATE MODEL begins what runs on: neither is part of a transaction."""
    found = training(everything)
    sent = {name: state["Resource"].rpartition(":")[2] for name, state in found.items() if name.startswith("Send")}
    assert sent == {
        "SendCount": "executeStatement",
        "SendForget": "executeStatement",
        "SendTrain": "executeStatement",
        "SendState": "executeStatement",
        "SendScore": "batchExecuteStatement",
    }
    assert found["SendForget"]["Parameters"]["Sql"] == "DROP MODEL IF EXISTS warehouse.churn"


def test_what_nothing_can_be_learned_from_is_refused_before_anything_is_paid_for(everything):
    found = training(everything)
    few, alike = found["IsEnough"]["Choices"]
    assert (few["NumericLessThan"], few["Next"]) == (500, "TooFewAnswers")
    assert {one.get("NumericEquals", one.get("NumericEqualsPath")) for one in alike["Or"]} == {
        0,
        "$.counted.Records[0][0].LongValue",
    }
    assert (alike["Next"], found["IsEnough"]["Default"]) == ("OneAnswerOnly", "SendForget")


def test_the_model_is_told_what_the_mart_has_and_asked_in_the_same_order():
    mart = yaml.safe_load((ROOT / "sql" / "models" / "marts" / "numbers.yml").read_text(encoding="utf-8"))
    [model] = [one for one in mart["models"] if one["name"] == "churn_features"]
    columns = [column["name"] for column in model["columns"]]
    told = [re.sub(r"COALESCE\((\w+), 0\)", r"\1", name) for name in FEATURES]
    assert told == [
        name for name in columns if name not in {"person_id", "cut_on", "currency", "churned", "spend_next_3_months"}
    ]
    statements = of_churn()
    assert statements["train"].statements[0].count(", ".join(FEATURES)) == 1
    assert "".join(statements["score"].statements).count(f"warehouse.predict_churn({', '.join(FEATURES)})") == 2


def test_training_data_is_alone_encrypted_and_short_lived(everything):
    bucket = everything.one("AWS::S3::Bucket", "foundation", "TrainingBucket").properties
    [rule] = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["ExpirationInDays"], rule["NoncurrentVersionExpiration"]["NoncurrentDays"]) == (1, 1)
    [encryption] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    may = resources_of(everything, "analytics", "WarehouseChurnRole", "s3:PutObject")
    assert len(may) == 1
    endpoints = [resolve(one.properties["ServiceName"]) for one in everything.resources("AWS::EC2::VPCEndpoint")]
    assert [name for name in endpoints if name.endswith("sagemaker.api")]


# ---- what happens between two loads


def test_the_stream_is_read_from_inside_the_network_by_a_switch(assembly, msk):
    deployed = assembly.settings.analytics.warehouse.streaming.deployed
    assert deployed is (assembly.settings.environment == "everything")
    for one, on in ((assembly, deployed), (msk, False)):
        may = resources_of(one, "analytics", "WarehouseRole", "kinesis:GetRecords")
        names = [resolve(each.properties["ServiceName"]) for each in one.resources("AWS::EC2::VPCEndpoint")]
        live = [
            statement
            for machine in one.resources("AWS::StepFunctions::StateMachine", "analytics")
            if machine.logical_id.startswith("WarehouseLoads")
            for item in states(definition(machine))["Load"]["Result"]
            for statement in item["statements"]
            if "live" in statement
        ]
        assert bool(live) is on
        assert any(name.endswith("kinesis-streams") for name in names) >= on
        environment = one.settings.environment
        assert {resource.rpartition("/")[2] for resource in may} == (
            {stream_name(environment, Stream.INTERACTIONS)} if on else set()
        )


def test_a_view_over_a_stream_reads_that_alone_and_no_record_can_stop_it():
    """AWS: one stream a view, refreshed by itself; every value is taken only out of what can be read as JSON."""
    [make, refresh] = read_batches(FOLDER / "live", {"stream": "c360-dev-interactions"})
    [view] = [one for one in make.statements if one.startswith("CREATE MATERIALIZED VIEW")]
    assert "AUTO REFRESH YES" in view
    assert view.count("FROM live.") == view.count("live.") == 1
    assert "WHERE" not in view  # nothing is left out
    values = re.findall(r"JSON_EXTRACT_PATH_TEXT\(FROM_VARBYTE\(kinesis_data, 'utf-8'\), '(\w+)', true\)", view)
    assert view.count("CASE WHEN CAN_JSON_PARSE(kinesis_data) AND LENGTH(kinesis_data) < 65355") == len(values) + 1
    assert list(refresh.statements) == ["REFRESH MATERIALIZED VIEW warehouse.live_interaction"]


def test_nothing_is_taken_from_the_stream_that_the_personas_may_not_read():
    [make, _] = read_batches(FOLDER / "live", {"stream": "c360-dev-interactions"})
    taken = set(re.findall(r"'utf-8'\), '(\w+)'", " ".join(make.statements)))
    [table] = [one for one in contracts.load().lake_tables() if one.name == TableName.INTERACTIONS]
    classes = {column.name: column.classification for column in table.fields}
    assert taken <= classes.keys()
    assert {classes[name] for name in taken} <= {PiiClass.NONE, PiiClass.PSEUDONYMOUS}
    relations = {one.name: one for one in relations_of([*batches(), make])}
    assert relations["live_interaction"].zone is Zone.RAW
    granted = [one for batch in access_batches([*relations.values()], ()) for one in batch.statements]
    assert [one.split()[3] for one in granted if one.startswith("GRANT SELECT") and "live" in one] == [
        "warehouse.live_activity",
        "warehouse.live_unreadable",
    ]
