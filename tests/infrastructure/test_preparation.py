"""What analysts prepare in DataBrew, by a switch: the recipe fits its data set, and each part waits for the others."""

import json
import re

import pytest
import yaml

from c360_core.names import Querier, TableName, Zone, database_name, databrew_name, workgroup_name
from c360_core.personas import MARKETING_ANALYST
from config.settings import SettingsError, load
from stacks.analytics.preparation.data_set import NOT_PROFILED, DataSetError, customers
from stacks.analytics.preparation.preparation import RECIPE
from stacks.analytics.preparation.recipe import ACTIONS, Kind, RecipeError, columns_after, read_recipe
from tests.infrastructure.assembly import ROOT, definition, listed, resolve, states
from tests.infrastructure.estate import Estate, arn
from tests.infrastructure.policies import Policies

SQL = ROOT / "sql"
COLUMNS = {"id": Kind.TEXT, "state": Kind.TEXT, "orders": Kind.WHOLE, "spend": Kind.NUMBER, "known": Kind.BOOLEAN}


@pytest.fixture
def on(estates) -> Estate:
    return estates["everything"]


def one(estate, kind, name):
    wanted = databrew_name("everything", name)
    (found,) = (each for each in estate.of_type(f"AWS::DataBrew::{kind}") if each.properties["Name"] == wanted)
    return found


def table(estate, name):
    (found,) = (
        each for each in estate.of_type("AWS::Glue::Table") if each.properties.get("TableInput", {}).get("Name") == name
    )
    return found


def waits_for(assembly, logical_id):
    """Return all that a resource waits for, directly or through others, in its template."""
    resources = {each.logical_id: each.document for each in assembly.resources() if each.pillar == "analytics"}
    found, look = set(), [logical_id]
    while look:
        document = resources[look.pop()]
        text = json.dumps(document.get("Properties", {}))
        named = set(listed(document.get("DependsOn", [])))
        named |= set(re.findall(r'"(?:Ref|Fn::GetAtt)": \[?"(\w+)"', text)) & resources.keys()
        look += named - found
        found |= named
    return found


# ---- the switch


def test_a_switch_brings_it_and_leaves_nothing(assembly):
    found = [
        each
        for each in assembly.resources()
        if "Prepara" in each.logical_id or "DataBrew" in each.document["Type"] or "databrew" in str(each.properties)
    ]
    deployed = assembly.settings.analytics.databrew.deployed
    assert bool(found) is deployed is (assembly.settings.environment == "everything")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{nightly_models: true, databrew: {deployed: true, hour_utc: 4}}", "hour_utc is not after nightly_hour_utc"),
        ("{databrew: {nodes: 1}}", "greater than or equal to 2"),
        ("{databrew: {nodes: 150}}", "less than or equal to 149"),
        ("{databrew: {hours: 4}}", "hours"),
    ],
)
def test_settings_that_cannot_be_are_refused(text, said, tmp_path):
    (tmp_path / "dev.yaml").write_text(f"analytics: {text}", encoding="utf-8")
    with pytest.raises(SettingsError, match=re.escape(said)):
        load("dev", tmp_path)


# ---- the data set


def test_the_data_set_is_a_table_that_databrew_reads(on):
    source = one(on, "Dataset", "customers").properties["Input"]["DataCatalogInputDefinition"]
    there = table(on, TableName.CUSTOMERS_TO_PREPARE).properties
    assert source["DatabaseName"] == there["DatabaseName"] == database_name("everything", Zone.CURATED)
    assert source["TableName"] == there["TableInput"]["Name"]
    # Without these DataBrew does not know a table; and it reads no Iceberg.
    assert there["TableInput"]["Parameters"] == {"classification": "parquet", "typeOfData": "file"}
    assert "OpenTableFormatInput" not in there


def test_the_data_set_has_only_columns_that_the_persona_may_read_and_no_contact_data():
    data = customers(SQL)
    marts = yaml.safe_load((SQL / "models" / "marts" / "marts.yml").read_text(encoding="utf-8"))["models"]
    (mart,) = (model for model in marts if model["name"] == data.mart)
    assert set(data.columns) <= {column["name"] for column in mart["columns"]}
    assert Zone.PRODUCTS in MARKETING_ANALYST.zones
    assert not [name for name in data.columns if "mail" in name or "phone" in name]


def test_a_profile_names_nobody(on):
    profile = one(on, "Job", "profile-customers").properties["ProfileConfiguration"]
    profiled = {column["Name"] for column in profile["ProfileColumns"]}
    assert profiled == set(customers(SQL).columns) - set(NOT_PROFILED)
    assert "person_id" not in profiled
    (of_columns,) = profile["ColumnStatisticsConfigurations"]
    lists = {"MOST_COMMON_VALUES", "MAXIMUM_VALUES", "MINIMUM_VALUES", "OUTLIER_DETECTION", "VALUE_DISTRIBUTION"}
    assert lists.isdisjoint(of_columns["Statistics"]["IncludedStatistics"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("- {name: visits, data_type: bigint", "- {name: visited, data_type: bigint"), "has no column visits"),
        (
            ("- {name: visits, data_type: bigint", "- {name: visits, data_type: timestamp(6)"),
            "customer_360.visits is timestamp(6), which DataBrew does not profile",
        ),
        (("- name: customer_360", "- name: customer_361"), "there is no mart customer_360"),
    ],
)
def test_a_mart_that_has_lost_what_is_prepared_is_refused(change, said, tmp_path):
    folder = tmp_path / "models" / "marts"
    folder.mkdir(parents=True)
    text = (SQL / "models" / "marts" / "marts.yml").read_text(encoding="utf-8")
    assert change[0] in text
    (folder / "marts.yml").write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(DataSetError, match=re.escape(said)):
        customers(tmp_path)


# ---- the recipe


def test_the_recipe_is_deployed_as_it_stands_in_the_repository(on):
    stated = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))
    assert one(on, "Recipe", "customers").properties["Steps"] == stated


def test_the_table_of_the_outcome_has_the_columns_that_the_recipe_leaves(on):
    columns = table(on, TableName.PREPARED_CUSTOMERS).properties["TableInput"]["StorageDescriptor"]["Columns"]
    left = columns_after(read_recipe(RECIPE), customers(SQL).columns)
    assert {column["Name"]: column["Type"] for column in columns} == left
    assert {"return_share", "order_band", "tier_rank", "basket_mean"} <= left.keys()
    assert {"time_zone", "average_basket"}.isdisjoint(left)


def write(tmp_path, text):
    path = tmp_path / "a.recipe.yml"
    path.write_text(text, encoding="utf-8")
    return path


def step(operation, conditions=(), **parameters):
    stated = {"Action": {"Operation": operation, "Parameters": parameters}}
    return {**stated, "ConditionExpressions": list(conditions)} if conditions else stated


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (step("PIVOT"), "step 1, PIVOT: this step is not known here; known are CASE_OPERATION"),
        (step("DELETE"), "the parameter sourceColumn is missing"),
        (step("DELETE", sourceColumn="id", sourceColumns="[]"), "the step has no parameter sourceColumns"),
        (step("DELETE", sourceColumn="idd"), "there is no column idd at this step; there are id, state"),
        (step("RENAME", sourceColumn="id", targetColumn="state"), "targetColumn 'state': give a new name"),
        (step("RENAME", sourceColumn="id", targetColumn="New name"), "targetColumn 'New name': give a new name"),
        (step("UPPER_CASE", sourceColumn="spend"), "spend is double; the step works on string"),
        (step("FILL_WITH_AVERAGE", sourceColumn="orders"), "orders is bigint; the step works on double"),
        (step("FILL_WITH_CUSTOM", sourceColumn="state", columnDataType="number", value="x"), "only string is filled"),
        (step("DIVIDE", sourceColumn1="spend", targetColumn="x"), "give either sourceColumn2 or value2"),
        (step("DIVIDE", sourceColumn1="spend", value2="0", targetColumn="x"), "value2 is no number to divide by"),
        (step("DIVIDE", sourceColumn1="state", value2="2", targetColumn="x"), "state is string"),
        (step("REMOVE_VALUES", sourceColumn="state"), "give it conditions"),
        (
            step("DELETE", [{"Condition": "IS_MISSING", "TargetColumn": "id"}], sourceColumn="id"),
            "the step takes no conditions here",
        ),
        (
            step("REMOVE_VALUES", [{"Condition": "IS_INVALID", "TargetColumn": "id"}], sourceColumn="id"),
            "the condition IS_INVALID is not known here",
        ),
        (
            step("REMOVE_VALUES", [{"Condition": "LESS_THAN", "TargetColumn": "x", "Value": "1"}], sourceColumn="id"),
            "there is no column x",
        ),
        (
            step("REMOVE_VALUES", [{"Condition": "LESS_THAN", "TargetColumn": "id", "Value": "1"}], sourceColumn="id"),
            "id is string; the step works on bigint or double",
        ),
        (
            step(
                "REMOVE_VALUES",
                [{"Condition": "LESS_THAN", "TargetColumn": "orders", "Value": "few"}],
                sourceColumn="orders",
            ),
            "the condition LESS_THAN has the value 'few'",
        ),
        (
            step("REMOVE_VALUES", [{"Condition": "IS", "TargetColumn": "state", "Value": "oh"}], sourceColumn="state"),
            "the condition IS has the value 'oh'",
        ),
        (step("CASE_OPERATION", valueExpression="case when", targetColumn="x"), "valueExpression cannot be read"),
        (step("CASE_OPERATION", valueExpression="`spend`", targetColumn="x"), "write `case when ... then ... else"),
        (
            step("CASE_OPERATION", valueExpression="case when `spent` > 1 then 'a' else 'b' end", targetColumn="x"),
            "there is no column spent",
        ),
        (
            step("CASE_OPERATION", valueExpression="case when `spend` > 1 then 2 else 'b' end", targetColumn="x"),
            "each result is a text in quotes",
        ),
        (
            step("CASE_OPERATION", valueExpression="case when `spend` > 1 then 'a' end", targetColumn="x"),
            "write `case when ... then ... else",
        ),
        (
            step("CATEGORICAL_MAPPING", sourceColumn="state", categoryMap="{", mapType="NUMERIC",
                 deleteOtherRows="false", other="0", targetColumn="x"),
            "categoryMap is no JSON",
        ),
        (
            step("CATEGORICAL_MAPPING", sourceColumn="state", categoryMap='{"oh": "one"}', mapType="NUMERIC",
                 deleteOtherRows="false", other="0", targetColumn="x"),
            "map texts to numbers",
        ),
        (
            step("CATEGORICAL_MAPPING", sourceColumn="state", categoryMap='{"oh": "1"}', mapType="NUMERIC",
                 deleteOtherRows="false", other="0", targetColumn="x"),
            "the type of x is not known: end with TO_DOUBLE_COLUMN for it",
        ),
        (step("TO_DOUBLE_COLUMN", sourceColumn="orders", columnDataType="double"), "columnDataType must be number"),
    ],
)  # fmt: skip
def test_a_step_that_does_not_fit_is_refused_with_its_place(wrong, said, tmp_path):
    path = write(tmp_path, yaml.safe_dump([wrong]))
    with pytest.raises(RecipeError, match=re.escape(said)) as refused:
        columns_after(read_recipe(path), COLUMNS)
    assert str(refused.value).startswith("a.recipe.yml, step 1, ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "write a list of 1 to 100 steps"),
        ("Steps: []", "write a list of 1 to 100 steps"),
        ("- Operation: DELETE", "a.recipe.yml, step 1: a step has Action"),
        ("- Action: {Name: DELETE}", "Action has Operation and Parameters"),
        ("- Action: {Operation: DIVIDE, Parameters: {value2: 2}}", "value2 is no text; write it in quotes"),
        (
            "- {Action: {Operation: DELETE}, ConditionExpressions: [{Condition: IS, TargetColumn: a, Value: 1}]}",
            "the Value of a condition is no text",
        ),
        (
            "- {Action: {Operation: DELETE}, ConditionExpressions: [{Condition: IS, Column: a}]}",
            "a condition has Condition, TargetColumn and Value",
        ),
        (yaml.safe_dump([step("DELETE_DUPLICATE_ROWS")] * 101), "write a list of 1 to 100 steps"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(text, said, tmp_path):
    with pytest.raises(RecipeError, match=re.escape(said)):
        read_recipe(write(tmp_path, text))


def test_a_column_that_an_earlier_step_has_taken_away_is_gone(tmp_path):
    steps = [step("RENAME", sourceColumn="state", targetColumn="region"), step("UPPER_CASE", sourceColumn="state")]
    with pytest.raises(RecipeError, match=r"step 2, UPPER_CASE: there is no column state"):
        columns_after(read_recipe(write(tmp_path, yaml.safe_dump(steps))), COLUMNS)


def test_every_parameter_is_one_that_cloudformation_passes_on():
    """The service's parameters are in camel case, and each value is a text."""
    for operation, action in ACTIONS.items():
        for name in (*action.needed, *action.optional):
            assert re.fullmatch(r"[a-z][A-Za-z0-9]*", name), f"{operation}.{name}"


# ---- jobs


def test_the_recipe_job_runs_the_version_that_is_published_with_the_template(everything):
    (job,) = (each for each in everything.resources("AWS::DataBrew::Job") if each.properties["Type"] == "RECIPE")
    (version,) = everything.resources("Custom::RecipeVersion")
    assert job.properties["Recipe"]["Version"] == {"Fn::GetAtt": [version.logical_id, "Version"]}
    (recipe,) = everything.resources("AWS::DataBrew::Recipe")
    # Deleted in the opposite order: a job, the versions that it ran, the project, and the recipe of both.
    assert version.logical_id in waits_for(everything, job.logical_id)
    assert recipe.logical_id in waits_for(everything, version.logical_id)
    (project,) = everything.resources("AWS::DataBrew::Project")
    assert recipe.logical_id in waits_for(everything, project.logical_id)


def test_what_is_published_changes_with_the_steps(everything):
    (version,) = everything.resources("Custom::RecipeVersion")
    assert re.fullmatch(r"[0-9a-f]{64}", version.properties["Steps"])
    assert version.properties["Recipe"] == databrew_name("everything", "customers")


def test_jobs_encrypt_with_the_key_are_small_and_leave_a_log(on):
    (key,) = (arn(each) for each in on.of_type("AWS::KMS::Key"))
    settings = on.assembly.settings.analytics.databrew
    for name in ("prepare-customers", "profile-customers"):
        job = one(on, "Job", name).properties
        assert (job["EncryptionMode"], job["EncryptionKeyArn"]) == ("SSE-KMS", key)
        assert (job["MaxCapacity"], job["Timeout"]) == (settings.nodes, settings.timeout_minutes)
        assert (job["LogSubscription"], job["DatasetName"]) == ("ENABLE", databrew_name("everything", "customers"))


def test_the_outcome_lies_where_its_table_looks_in_the_zone_of_the_persona(on):
    (output,) = one(on, "Job", "prepare-customers").properties["Outputs"]
    stated = table(on, TableName.PREPARED_CUSTOMERS).properties
    assert stated["DatabaseName"] == database_name("everything", Zone.PRODUCTS)
    place = output["Location"]
    assert stated["TableInput"]["StorageDescriptor"]["Location"] == f"s3://{place['Bucket']}/{place['Key']}"
    # Of a table under Lake Formation DataBrew can only replace the files.
    assert (output["Format"], output["Overwrite"]) == ("PARQUET", True)
    assert stated["TableInput"]["Parameters"]["classification"] == "parquet"


# ---- the nightly run


def test_a_run_empties_the_place_copies_the_mart_and_runs_both_jobs(everything, on):
    machine = next(
        each for each in everything.resources("AWS::StepFunctions::StateMachine") if "Prepar" in each.logical_id
    )
    named = states(definition(machine))
    order, name = [], "ListOldCopy"
    while name:
        order.append(name)
        name = named[name].get("Next") or named[name].get("Default")
    assert order == ["ListOldCopy", "IsThereAnOldCopy", "Copy", "PrepareCustomers", "ProfileCustomers"]
    assert named["DeleteOldCopy"]["Next"] == "ListOldCopy"
    query = named["Copy"]["Parameters"]["QueryString"]
    there = table(on, TableName.CUSTOMERS_TO_PREPARE).properties["TableInput"]["StorageDescriptor"]
    bucket = there["Location"].removeprefix("s3://").partition("/")[0]
    assert resolve(query).startswith("UNLOAD (SELECT ")
    assert "TO 's3://" in resolve(query)
    assert "/preparation/customers/' WITH (format = 'PARQUET'" in resolve(query)
    assert bucket
    assert named["Copy"]["Parameters"]["WorkGroup"] == workgroup_name("everything", Querier.PREPARATION)
    for state in ("Copy", "PrepareCustomers", "ProfileCustomers"):
        assert named[state]["Resource"].endswith(".sync")


def test_the_copy_has_the_columns_of_its_table(everything, on):
    machine = next(
        each for each in everything.resources("AWS::StepFunctions::StateMachine") if "Prepar" in each.logical_id
    )
    query = resolve(states(definition(machine))["Copy"]["Parameters"]["QueryString"])
    copied = re.findall(r'AS (\w+)\) AS "(\w+)"', query)
    columns = table(on, TableName.CUSTOMERS_TO_PREPARE).properties["TableInput"]["StorageDescriptor"]["Columns"]
    sql = {"string": "varchar"}
    assert copied == [(sql.get(column["Type"], column["Type"]), column["Name"]) for column in columns]


def test_it_runs_every_night_after_the_marts_are_built(everything):
    settings = everything.settings.analytics
    (rule,) = (
        each
        for each in everything.resources("AWS::Events::Rule")
        if each.properties.get("Description") == "Prepare the customers every night"
    )
    assert rule.properties["ScheduleExpression"] == f"cron(0 {settings.databrew.hour_utc} * * ? *)"
    assert settings.databrew.hour_utc > settings.nightly_hour_utc


# ---- rights


def test_the_role_of_the_jobs_reads_one_table_and_writes_below_two_prefixes(on):
    role = one(on, "Job", "prepare-customers").properties["RoleArn"]
    assert role == one(on, "Project", "customers").properties["RoleArn"]
    statements = Policies(on).of_roles[role]
    curated = database_name("everything", Zone.CURATED)
    glue = {
        resource.partition(":table/")[2]
        for statement in statements
        if any(action.startswith("glue:") for action in statement.actions)
        for resource in statement.resources
        if ":table/" in resource
    }
    assert glue == {f"{curated}/{TableName.CUSTOMERS_TO_PREPARE}"}
    written = {
        resource.partition("/")[2]
        for statement in statements
        if "s3:PutObject" in statement.actions
        for resource in statement.resources
    }
    assert written == {"prepared/customers/*", "prepared/profile/*"}
    read_there = {
        resource.partition("/")[2]
        for statement in statements
        if "s3:GetObject" in statement.actions
        for resource in statement.resources
    }
    assert read_there == {"preparation/customers/*", *written}


def test_nobody_but_databrew_acts_as_the_role(on):
    role = one(on, "Job", "prepare-customers").properties["RoleArn"]
    (found,) = (each for each in on.of_type("AWS::IAM::Role") if arn(each) == role)
    (trust,) = found.properties["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "databrew.amazonaws.com"}
