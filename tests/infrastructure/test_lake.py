"""Tables, jobs, rules and tags of the lake follow the contracts."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from c360_core import projections
from c360_core.identity.workflow import (
    MATCH_FIELDS,
    MATCH_RULES,
    OUTPUT_FIELDS,
    SCHEMA_DESCRIPTION,
    schema_version,
)
from c360_core.names import CATALOGED_ZONES, TableName, Zone, database_name, stack_name, zone_stack
from config.settings import load
from tests.infrastructure.assembly import listed, placeholder_assets, resolve, statements, synthesize, tables_of


def iceberg_tables(assembly):
    return {
        (t.properties["DatabaseName"], t.properties["Name"]): t.properties
        for t in assembly.resources("AWS::Glue::Table")
        if "OpenTableFormatInput" in t.properties
    }


def test_queried_zones_have_a_database(assembly):
    names = {d.properties["DatabaseInput"]["Name"] for d in assembly.resources("AWS::Glue::Database")}
    assert names == {database_name(assembly.settings.environment, zone) for zone in CATALOGED_ZONES}


def test_every_contract_of_the_lake_has_its_table(assembly, agreed):
    environment = assembly.settings.environment
    wanted = {(database_name(environment, table.zone), table.name) for table in tables_of(assembly, agreed)}
    assert set(iceberg_tables(assembly)) == wanted


def test_iceberg_tables_have_the_shape_that_survives_updates(assembly):
    for name, table in iceberg_tables(assembly).items():
        assert "TableInput" not in table, name
        iceberg = table["OpenTableFormatInput"]["IcebergInput"]
        assert (iceberg["MetadataOperation"], iceberg["Version"]) == ("CREATE", "2"), name
        assert resolve(iceberg["IcebergTableInput"]["Location"]).endswith(f"/{name[1]}"), name


def test_columns_are_those_of_the_contract_with_ids_of_their_own(dev, agreed):
    tables = iceberg_tables(dev)
    for table in agreed.lake_tables():
        stated = tables[database_name("dev", table.zone), table.name]
        fields = stated["OpenTableFormatInput"]["IcebergInput"]["IcebergTableInput"]["Schema"]["Fields"]
        assert {field["Id"]: field["Name"] for field in fields} == {f.field_id: f.name for f in table.fields}
        types = [json.loads(field["Type"]) for field in fields if field["Type"].startswith("{")]
        nested = [type_[key] for type_ in types for key in type_ if key.endswith("-id")]
        ids = [field["Id"] for field in fields] + nested
        assert len(set(ids)) == len(ids)


def test_lists_are_written_as_iceberg_json(dev):
    table = iceberg_tables(dev)[database_name("dev", Zone.RAW), TableName.INTERACTIONS]
    fields = table["OpenTableFormatInput"]["IcebergInput"]["IcebergTableInput"]["Schema"]["Fields"]
    keys = next(field for field in fields if field["Name"] == "identifier_keys")
    stated = json.loads(keys["Type"])
    assert (stated["type"], stated["element"]) == ("list", "string")
    assert stated["element-id"] > len(fields)


OPTIMIZERS = {
    "compaction": "CompactionConfiguration",
    "retention": "RetentionConfiguration",
    "orphan_file_deletion": "OrphanFileDeletionConfiguration",
}


def test_every_table_is_compacted_forgets_and_is_swept(assembly):
    optimizers = list(assembly.resources("AWS::Glue::TableOptimizer"))
    found = Counter((o.properties["DatabaseName"], o.properties["TableName"], o.properties["Type"]) for o in optimizers)
    assert found == {(*table, kind): 1 for table in iceberg_tables(assembly) for kind in OPTIMIZERS}
    tables = {t.logical_id: t.properties.get("Name") for t in assembly.resources("AWS::Glue::Table")}
    grants = {grant.logical_id for grant in assembly.resources("AWS::LakeFormation::PrincipalPermissions")}
    wanted = assembly.settings.foundation.maintenance
    for optimizer in optimizers:
        configuration = optimizer.properties["TableOptimizerConfiguration"]
        assert configuration["Enabled"] is wanted.enabled
        assert OPTIMIZERS[optimizer.properties["Type"]] in configuration
        waits_for = {tables.get(logical_id) for logical_id in optimizer.document["DependsOn"]}
        assert optimizer.properties["TableName"] in waits_for
        assert grants & set(optimizer.document["DependsOn"])


def test_files_that_a_running_writer_has_not_committed_are_no_orphans(assembly):
    """A checkpoint may be slow; it is never days old."""
    for optimizer in assembly.resources("AWS::Glue::TableOptimizer"):
        configuration = optimizer.properties["TableOptimizerConfiguration"]
        if optimizer.properties["Type"] == "orphan_file_deletion":
            iceberg = configuration["OrphanFileDeletionConfiguration"]["IcebergConfiguration"]
            assert iceberg["OrphanFileRetentionPeriodInDays"] >= 3
        if optimizer.properties["Type"] == "retention":
            iceberg = configuration["RetentionConfiguration"]["IcebergConfiguration"]
            assert iceberg["SnapshotRetentionPeriodInDays"] * 24 >= assembly.settings.collection.streams.retention_hours


def test_interactions_are_partitioned_by_day_of_receipt(dev):
    table = iceberg_tables(dev)[database_name("dev", Zone.RAW), TableName.INTERACTIONS]["OpenTableFormatInput"]
    stated = table["IcebergInput"]["IcebergTableInput"]
    (partition,) = stated["PartitionSpec"]["Fields"]
    source = next(field for field in stated["Schema"]["Fields"] if field["Id"] == partition["SourceId"])
    assert (source["Name"], partition["Transform"]) == ("received_at", "day")


def test_every_file_source_has_its_quality_rules(assembly, agreed):
    rulesets = {
        r.properties["TargetTable"]["TableName"]: r.properties["Ruleset"]
        for r in assembly.resources("AWS::Glue::DataQualityRuleset")
    }
    assert rulesets == {s.name: projections.dqdl(s.table) for s in agreed.file_sources()}


@pytest.mark.parametrize(
    ("part", "pillar", "arguments"),
    [
        ("FileIngestion", "collection", {"--events_stream", "--quarantine_bucket", "--results_bucket"}),
        ("Prepare", "unification", {"--er_input_location"}),
        (
            "Resolve",
            "unification",
            {"--identity_changes_stream", "--single_view_table", "--hash_secret_arn", "--most_records"},
        ),
    ],
)
def test_jobs_get_the_arguments_that_they_need(assembly, part, pillar, arguments):
    job = assembly.one("AWS::Glue::Job", pillar, part).properties
    assert job["GlueVersion"] == "5.1"
    assert job["Command"]["Name"] == "glueetl"
    assert resolve(job["Command"]["ScriptLocation"]).endswith(".py")
    given = {key: resolve(value) for key, value in job["DefaultArguments"].items()}
    assert arguments <= set(given)
    assert given["--extra-py-files"].endswith(".zip")
    assert given["--environment"] == assembly.settings.environment
    assert "spark.sql.catalog.glue_catalog=org.apache.iceberg.spark.SparkCatalog" in given["--conf"]
    assert "spark.sql.session.timeZone=UTC" in given["--conf"]


def test_files_are_ingested_side_by_side_and_identities_one_run_at_a_time(assembly):
    concurrent = {
        job.logical_id: job.properties["ExecutionProperty"]["MaxConcurrentRuns"]
        for job in assembly.resources("AWS::Glue::Job")
    }
    for name, runs in concurrent.items():
        wanted = assembly.settings.collection.ingest_concurrency if "FileIngestion" in name else 1
        wanted = 2 if "Databases" in name else wanted  # an increment and a comparison of the one source
        assert runs == wanted, name


def test_matching_follows_the_rules_of_the_core(assembly):
    schema = assembly.one("AWS::EntityResolution::SchemaMapping", "unification").properties
    fields = [(f["FieldName"], f["Type"], f.get("MatchKey")) for f in schema["MappedInputFields"]]
    assert fields == [(f.name, f.type, f.match_key) for f in MATCH_FIELDS]
    workflow = assembly.one("AWS::EntityResolution::MatchingWorkflow", "unification").properties
    rules = workflow["ResolutionTechniques"]["RuleBasedProperties"]["Rules"]
    assert [(r["RuleName"], tuple(r["MatchingKeys"])) for r in rules] == [(r.name, r.match_keys) for r in MATCH_RULES]
    (source,) = workflow["InputSourceConfig"]
    assert source["ApplyNormalization"] is False
    (output,) = workflow["OutputSourceConfig"]
    assert [o["Name"] for o in output["Output"]] == list(OUTPUT_FIELDS)


def test_a_changed_mapping_is_another_one(assembly):
    """A schema mapping that a workflow uses cannot be changed: it gets another name, and CloudFormation replaces it."""
    schema = assembly.one("AWS::EntityResolution::SchemaMapping", "unification")
    assert schema.properties["SchemaName"].endswith(f"-identity-records-{schema_version()}")
    assert schema.properties["Description"] == SCHEMA_DESCRIPTION
    known = set(schema.properties) - {"Tags"}
    assert known == {"SchemaName", "Description", "MappedInputFields"}  # what the name does not follow from
    changed = [MATCH_FIELDS[:-1], (*MATCH_FIELDS[:-1], replace(MATCH_FIELDS[-1], type="STRING"))]
    names = {schema_version(), schema_version(description="Other"), *(schema_version(fields) for fields in changed)}
    assert len(names) == 4
    workflow = assembly.one("AWS::EntityResolution::MatchingWorkflow", "unification").properties
    (source,) = workflow["InputSourceConfig"]
    assert resolve(source["SchemaArn"]) == f"{schema.logical_id}.SchemaArn"


def test_the_matcher_reads_the_columns_of_its_schema(assembly):
    (table,) = [
        t.properties["TableInput"]
        for t in assembly.resources("AWS::Glue::Table")
        if t.properties.get("TableInput", {}).get("Name") == TableName.ER_INPUT
    ]
    columns = [(c["Name"], c["Type"]) for c in table["StorageDescriptor"]["Columns"]]
    assert columns == [(field.name, "string") for field in MATCH_FIELDS]


def associations(assembly):
    return [a.properties for a in assembly.resources("AWS::LakeFormation::TagAssociation")]


def test_data_without_a_contract_is_closed(assembly):
    by_database = {
        a["Resource"]["Database"]["Name"]: {t["TagKey"].rpartition("-")[2]: t["TagValues"] for t in a["LFTags"]}
        for a in associations(assembly)
        if "Database" in a["Resource"]
    }
    environment = assembly.settings.environment
    assert {name: tags["pii"] for name, tags in by_database.items()} == {
        database_name(environment, Zone.RAW): ["sensitive"],
        database_name(environment, Zone.QUARANTINE): ["sensitive"],
        database_name(environment, Zone.CURATED): ["sensitive"],
        database_name(environment, Zone.PRODUCTS): ["pseudonymous"],
    }


def test_a_zone_is_governed_by_its_own_stack(assembly):
    """What moves from one stack to another later is deleted for a while: see decision 0026."""
    environment = assembly.settings.environment
    for kind in ("TagAssociation", "PrincipalPermissions"):
        for resource in assembly.resources(f"AWS::LakeFormation::{kind}"):
            if resource.pillar.startswith("governance-"):
                zone = Zone(resource.pillar.partition("-")[2])
                named = json.dumps(resource.properties["Resource"])
                assert database_name(environment, zone) in named or f"Lake{zone.title()}" in named, resource
    assert {a.pillar for a in assembly.resources("AWS::LakeFormation::TagAssociation")} == {
        zone_stack(zone) for zone in CATALOGED_ZONES
    }


def test_a_zone_is_governed_after_its_tags_locations_and_tables_are_there(assembly):
    manifest = json.loads((assembly.folder / "manifest.json").read_text())["artifacts"]
    environment = assembly.settings.environment
    tables = {
        zone: table.pillar
        for table in assembly.resources("AWS::Glue::Table")
        for zone in CATALOGED_ZONES
        if resolve(table.properties["DatabaseName"]) == database_name(environment, zone)
    }
    assert tables.keys() == set(CATALOGED_ZONES)
    for zone in CATALOGED_ZONES:
        waits_for = manifest[stack_name(environment, zone_stack(zone))]["dependencies"]
        assert stack_name(environment, "governance") in waits_for
        assert stack_name(environment, tables[zone]) in waits_for, zone


def grants_of(assembly, part):
    return [
        grant.properties
        for grant in assembly.resources("AWS::LakeFormation::PrincipalPermissions")
        if part in resolve(grant.properties["Principal"]["DataLakePrincipalIdentifier"])
    ]


def test_the_marketing_analyst_reads_pseudonyms_of_two_zones_and_changes_nothing(assembly):
    grants = grants_of(assembly, "MarketingAnalyst")
    assert {permission for grant in grants for permission in grant["Permissions"]} == {"SELECT", "DESCRIBE"}
    by_tags = [g["Resource"]["LFTagPolicy"] for g in grants if "LFTagPolicy" in g["Resource"]]
    analytics = assembly.settings.analytics
    # Beside the persona's own role those of its notebooks, in each studio.
    assert len(by_tags) == 1 + analytics.studio.deployed + analytics.emr_studio.deployed
    for by_tag in by_tags:
        expression = {term["TagKey"].rpartition("-")[2]: term["TagValues"] for term in by_tag["Expression"]}
        assert expression == {"pii": ["none", "pseudonymous"], "zone": ["curated", "products"]}
        assert by_tag["ResourceType"] == "TABLE"
    assert not [g for g in grants if "Table" in g["Resource"]]


def test_pipelines_have_grants_on_their_databases(assembly):
    tables = {
        (
            resolve(g.properties["Principal"]["DataLakePrincipalIdentifier"]),
            g.properties["Resource"]["Table"]["DatabaseName"],
        )
        for g in assembly.resources("AWS::LakeFormation::PrincipalPermissions")
        if "Table" in g.properties["Resource"] and not g.properties["PermissionsWithGrantOption"]
    }
    zones = Counter(database.rpartition("_")[2] for _, database in tables)
    # In each zone, one of them is the role of the table optimizers.
    readers = len(assembly.settings.collection.databases)  # a job for each, which compares keys with the raw table
    removers = int(assembly.settings.collection.texts.removed)  # the job that removes texts, in the raw zone
    checks = int(assembly.settings.analytics.quality.deployed)  # reads two zones, and keeps its results in a third
    fills = int(assembly.settings.collection.backfill.deployed)  # reads the interactions, in the raw zone
    ends = int(assembly.settings.governance.retention.enforced)  # deletes what is too old, in all zones
    loads = int(assembly.settings.analytics.warehouse.deployed)  # the warehouse's role reads two zones
    shows = int(assembly.settings.analytics.dashboards.deployed)  # the dashboards read the products
    prepares = int(assembly.settings.analytics.databrew.deployed)  # copies a product, and reads the copy
    models = assembly.settings.analytics.models
    foretells = (
        2 * models.deployed + models.send_hours + len(models.offers)
    )  # the machine of each model copies a product
    shares = 3 * (assembly.settings.activation.clean_room.partner_account is not None)  # a role for each shared table
    advertises = len(assembly.settings.activation.audiences)  # the machine of each audience reads whom it has
    recommends = int(assembly.settings.activation.recommendations.provider != "none")  # the job reads two marts
    assert zones == {
        "raw": 6 + readers + removers + checks + fills + ends,
        "quarantine": 4 + ends,
        "curated": 7 + checks + ends + loads + prepares,
        "products": 2 + checks + ends + loads + shows + prepares + foretells + shares + advertises + recommends,
    }


def test_default_permissions_are_removed_before_databases_exist(assembly):
    settings = assembly.one("AWS::LakeFormation::DataLakeSettings", "foundation")
    assert settings.properties["CreateTableDefaultPermissions"] == []
    assert settings.properties["CreateDatabaseDefaultPermissions"] == []
    (admin, *_) = settings.properties["Admins"]
    assert "cfn-exec-role" in resolve(admin["DataLakePrincipalIdentifier"])
    for database in assembly.resources("AWS::Glue::Database"):
        assert settings.logical_id in database.document["DependsOn"], database


def test_a_ruleset_is_made_after_its_table(assembly):
    tables = {
        resource.logical_id: resource.properties["Name"]
        for resource in assembly.resources("AWS::Glue::Table", "collection")
    }
    rulesets = list(assembly.resources("AWS::Glue::DataQualityRuleset"))
    assert rulesets
    for ruleset in rulesets:
        waits_for = [tables.get(logical_id) for logical_id in listed(ruleset.document.get("DependsOn", []))]
        assert ruleset.properties["TargetTable"]["TableName"] in waits_for, ruleset


def test_the_ingestion_may_publish_what_its_rules_found(assembly):
    granted = [
        statement
        for policy, statement in statements(assembly)
        if "FileIngestionJobRole" in "".join(resolve(role) for role in policy.properties.get("Roles", ()))
    ]
    (publish,) = [s for s in granted if "glue:PublishDataQuality" in listed(s["Action"])]
    assert resolve(publish["Resource"]).endswith(":dataQualityRuleset/*")
    namespaces = [
        s["Condition"]["StringEquals"]["cloudwatch:namespace"]
        for s in granted
        if "cloudwatch:PutMetricData" in listed(s["Action"])
    ]
    assert sorted(namespaces) == ["Glue", "Glue Data Quality"]


def test_every_job_gets_its_region(assembly):
    jobs = list(assembly.resources("AWS::Glue::Job"))
    assert jobs
    assert {resolve(job.properties["DefaultArguments"]["--region"]) for job in jobs} == {"us-east-1"}


@pytest.mark.parametrize(("driver", "most"), [("G.1X", "500000"), ("G.2X", "1000000")])
def test_identities_are_resolved_by_a_driver_that_holds_as_many_records_as_the_job_takes(driver, most, tmp_path):
    """It clusters in one process: more workers would wait, while `identity_prepare` makes use of them."""
    text = f"unification: {{identity_driver: {driver}, identity_workers: 10}}"
    (tmp_path / "dev.yaml").write_text(text, encoding="utf-8")
    assembly = synthesize(load("dev", tmp_path), placeholder_assets(tmp_path / "assets"), tmp_path / "out")
    prepare, resolve_ = (
        assembly.one("AWS::Glue::Job", "unification", part).properties for part in ("PrepareJob", "ResolveJob")
    )
    assert (resolve_["WorkerType"], resolve_["DefaultArguments"]["--most_records"]) == (driver, most)
    assert (prepare["WorkerType"], prepare["NumberOfWorkers"]) == ("G.1X", 10)
    assert resolve_["NumberOfWorkers"] == 2
