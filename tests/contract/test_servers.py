"""A contract says how its data arrives; a wrong word about it is refused with the file, the field and the fix."""

import pytest

from c360_core.names import Arrival, DatabaseEngine
from tests.contract.conftest import assert_names_problem, change_contract
from tools.contracts import ContractsError, load_and_check

CRM = "crm_contacts.odcs.yaml"
WEB = "web_events.odcs.yaml"
PROFILES = "profiles.odcs.yaml"
SERVER = {
    "server": "crm",
    "type": "postgresql",
    "host": "${crm.host}",
    "port": "${crm.port}",
    "database": "crm",
    "schema": "public",
}
READ = {
    "table": "contacts",
    "incrementalColumn": "updated_at",
    "overlapMinutes": 10,
    "compareHours": 24,
    "deletedColumn": "consent_at",
    "partitionColumn": "created_at",
    "partitions": 4,
}


def jdbc(server=(), **read):
    """Make a contract that of a source which is read from a database; None leaves a property out."""
    said = {name: value for name, value in {**READ, **read}.items() if value is not None}
    custom = [{"property": name, "value": value} for name, value in said.items()]
    whole = {**SERVER, **dict(server), "customProperties": custom}
    return lambda contract: contract.update(servers=[{k: v for k, v in whole.items() if v is not None}])


def plain(change):
    """Take out the file format first, which is one of files."""

    def changed(contract):
        contract["customProperties"] = [e for e in contract["customProperties"] if e["property"] != "fileFormat"]
        change(contract)

    return changed


def set_server(**values):
    return lambda contract: contract["servers"][0].update(values)


def fast(contract):
    contract["slaProperties"][0].update(value=1, unit="m")
    jdbc()(contract)


CREDIT = "credit_bands.odcs.yaml"


def exchange(**said):
    """Change what a product of Data Exchange says of its server; None leaves a property out."""

    def changed(contract):
        server = contract["servers"][0]
        now = {entry["property"]: entry["value"] for entry in server["customProperties"]} | said
        server["customProperties"] = [{"property": k, "value": v} for k, v in now.items() if v is not None]

    return changed


def rename(old, new):
    def changed(contract):
        for field in contract["schema"][0]["properties"]:
            if field["name"] == old:
                field["name"] = new

    return changed


CASES = {
    "another name than that of Data Exchange": (CREDIT, set_server(server="bureau"),
        "servers.bureau.server", "not where the system looks", "`data_exchange`"),
    "revisions of an unknown kind": (CREDIT, exchange(revisions="some"),
        "servers.data_exchange.revisions", "`some` does not say", "full, changes"),
    "no revisions": (CREDIT, exchange(revisions=None), "servers.data_exchange.revisions", "is missing", "needs it"),
    "no joins": (CREDIT, exchange(joins=None), "servers.data_exchange.joins", "is missing", "needs it"),
    "joined by nothing": (CREDIT, exchange(joins={}),
        "servers.data_exchange.joins", "by what the rows are joined", "person, household, postal_code"),
    "joined by something else": (CREDIT, exchange(joins={"street": {"street": "street"}}),
        "servers.data_exchange.joins", "by what the rows are joined", "person, household, postal_code"),
    "half a household": (CREDIT, exchange(joins={"household": {"street": "street"}}),
        "servers.data_exchange.joins.household", "columns of the key", "street, postal_code"),
    "joined by no column": (CREDIT, exchange(joins={"household": {"street": "road", "postal_code": "postal_code"}}),
        "servers.data_exchange.joins.household.street", "`road` is no text column", "name a column"),
    "a column of the reference table": (CREDIT, rename("credit_band", "valid_to"),
        "servers.data_exchange.", "`valid_to` is a column that the reference table adds", "rename"),
    "events by half": (CREDIT,
        lambda c: c["customProperties"].append({"property": "eventTypes", "value": ["contact_changed"]}),
        "publish", "is missing", "kind file needs it"),
    "none": (CRM, lambda c: c.pop("servers"), "servers", "is missing", "say once"),
    "two": (CRM, lambda c: c["servers"].append(dict(c["servers"][0])), "servers", "more than one", "say once"),
    "of a product": (PROFILES, lambda c: c.update(servers=[SERVER]), "servers", "kind product", "remove it"),
    "of an unknown type": (CRM, set_server(type="sftp", location="sftp://h/"),
        "servers.landing.type", "`sftp` brings no data", "use one of api, s3, postgresql"),
    "of a type that the standard lacks": (CRM, set_server(type="ftp"),
        "servers.0.type", "'ftp'", "use one of api"),
    "custom without a word": (CRM, lambda c: c.update(servers=[{"server": "x", "type": "custom"}]),
        "servers.x.arrival", "does not say", "use one of appflow, data_exchange"),
    "that no system brings": (WEB, lambda c: c.update(servers=[{"server": "x", "type": "kafka", "host": "h"}]),
        "servers.x.type", "arrives by kafka yet", "use api"),
    "of another kind": (WEB, jdbc(), "servers.crm.type", "is no stream", "write `kind: file`"),
    "another folder": (CRM, set_server(location="s3://${landing.bucket}/contacts/"),
        "servers.landing.location", "not where the system looks", "s3://${landing.bucket}/crm_contacts/"),
    "another path": (WEB, set_server(location="https://example.com/"),
        "servers.collector.location", "not where the system looks", "/v1/batch"),
    "property of nothing": (CRM, set_server(customProperties=[{"property": "table", "value": "t"}]),
        "servers.landing.table", "is unknown", "remove it"),
    "a host in the contract": (CRM, jdbc({"host": "db.example.com"}),
        "servers.crm.host", "not where the system looks", "`${crm.host}`"),
    "a name that is no setting": (CRM, jdbc({"server": "CRM-1", "host": "${CRM-1.host}", "port": "${CRM-1.port}"}),
        "servers.CRM-1.server", "no name of a connection", "small letters"),
    "a table that is an injection": (CRM, jdbc(table="contacts; DROP TABLE x"),
        "servers.crm.table", "no plain SQL name", "make a view"),
    "no table": (CRM, jdbc(table=None), "servers.crm.table", "is missing", "jdbc needs it"),
    "misspelt": (CRM, jdbc(incremental="updated_at"), "servers.crm.incremental", "is unknown", "incrementalColumn"),
    "a watermark that is no time": (CRM, jdbc(incrementalColumn="city"),
        "servers.crm.incrementalColumn", "cannot be that column", "required timestamp"),
    "a watermark that may be empty": (CRM, jdbc(incrementalColumn="consent_at", deletedColumn=None),
        "servers.crm.incrementalColumn", "is not required", "moves forward"),
    "a tombstone that must be filled": (CRM, jdbc(deletedColumn="updated_at"),
        "servers.crm.deletedColumn", "is required", "found to be gone"),
    "no tombstone": (CRM, jdbc(deletedColumn=None), "servers.crm.deletedColumn", "is missing", "jdbc needs it"),
    "a split by text": (CRM, jdbc(partitionColumn="city"),
        "servers.crm.partitionColumn", "cannot be that column", "integer, number"),
    "a split without a number": (CRM, jdbc(partitions=None),
        "servers.crm.partitions", "goes with partitionColumn", "say both"),
    "too many readers": (CRM, jdbc(partitions=65), "servers.crm.partitions", "`65` is out of range", "from 2 to 64"),
    "an overlap that is a truth": (CRM, jdbc(overlapMinutes=True),
        "servers.crm.overlapMinutes", "`True` is out of range", "whole number from 0"),
    "increments every minute": (CRM, fast, "servers.crm.", "too short", "five at least"),
    "keys more often than rows": (CRM, jdbc(compareHours=1),
        "servers.crm.compareHours", "shorter than an increment", "slower pace"),
    "a form of files": (CRM, jdbc(), "servers.crm.fileFormat.trueWords", "nothing for rows", "keep `zone`"),
    "a schema in MySQL": (CRM, jdbc({"type": "mysql"}), "servers.0", "'schema' was unexpected", "remove the key"),
}  # fmt: skip


@pytest.mark.parametrize(("file", "change", "field", "message", "fix"), CASES.values(), ids=CASES.keys())
def test_a_wrong_server_names_file_field_and_fix(directory, file, change, field, message, fix):
    assert_names_problem(directory, file, change, field, message, fix)


def test_a_connection_leads_to_one_database(directory):
    change_contract(directory, CRM, jdbc())
    read = {"incrementalColumn": "opened_at", "deletedColumn": "closed_at", "partitionColumn": "opened_at"}
    change_contract(directory, "support_cases.odcs.yaml", jdbc({"database": "other"}, **read))

    with pytest.raises(ContractsError, match=r"servers\.crm\.database: is `other` on postgresql, and in crm_contacts"):
        load_and_check(directory)


def test_how_every_source_arrives_is_compiled(contracts):
    found = {source.name: source.server.arrival for source in contracts.sources.values()}

    assert found["web_events"] is Arrival.HTTP
    assert found["crm_contacts"] is Arrival.FILES
    assert {source.server.arrival for source in contracts.stream_sources()} == {Arrival.HTTP}
    assert found["credit_bands"] is Arrival.DATA_EXCHANGE
    of_files = {Arrival.FILES, Arrival.JDBC, Arrival.APPFLOW, Arrival.DATA_EXCHANGE}
    assert {source.server.arrival for source in contracts.file_sources()} <= of_files


@pytest.mark.parametrize(("engine", "schema"), [("postgresql", "public"), ("mysql", None)])
def test_a_table_of_a_database_is_compiled_with_how_it_is_read(directory, engine, schema):
    change_contract(directory, CRM, plain(jdbc({"type": engine, "schema": schema})))

    contracts = load_and_check(directory).contracts
    [table] = [table for source, table in contracts.database_sources() if source.name == "crm_contacts"]

    assert contracts.source("crm_contacts").server.arrival is Arrival.JDBC
    assert contracts.source("crm_contacts") in contracts.file_sources()
    assert (table.engine, table.schema, table.table) == (DatabaseEngine(engine), schema, "contacts")
    assert (table.incremental_column, table.overlap_minutes, table.compare_hours) == ("updated_at", 10, 24)
    assert (table.partition_column, table.partitions, table.deleted_column) == ("created_at", 4, "consent_at")
