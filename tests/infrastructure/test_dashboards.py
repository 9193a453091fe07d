"""The dashboards: every field of every visual is in its data set, every data set in its mart; who may see what."""

from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from c360_core.names import Querier, Zone, database_name, quicksight_id, workgroup_name
from c360_metrics.definitions import Metrics
from c360_metrics.expressions import quicksight
from c360_metrics.reader import read
from config.analytics import AnalyticsSettings, DashboardsSettings
from lambdas.embed_url.settings import Settings
from stacks.analytics.dashboards import boards
from stacks.analytics.dashboards.definition import (
    Dashboard,
    DashboardError,
    Parameter,
    bar,
    definition,
    kpi,
    line,
    rows,
    table,
)
from stacks.analytics.dashboards.row_rules import RowRuleError, Rules, require_effect, rules_of
from tests.infrastructure import needs
from tests.infrastructure.assembly import placeholder_assets, synthesize
from tests.infrastructure.estate import Estate, arn
from tests.infrastructure.switches import with_names

SQL = Path(__file__).resolve().parents[2] / "sql"
OWNER = "arn:aws:quicksight:us-east-1:000000000000:group/default/customer-360"
USER = "arn:aws:quicksight:us-east-1:000000000000:user/default/somebody"
READER = "arn:aws:quicksight:us-east-1:000000000000:group/default/marketing"


@pytest.fixture(scope="module")
def metrics() -> Metrics:
    return read(SQL)


@pytest.fixture
def on(estates) -> Estate:
    return estates["everything"]


def columns_in(stated: Any) -> set[tuple[str, str]]:
    """Return every column that a part of a definition names, with its data set."""
    if isinstance(stated, dict):
        own = {(stated["DataSetIdentifier"], stated["ColumnName"])} if "ColumnName" in stated else set()
        return own.union(*map(columns_in, stated.values())) if stated else own
    return set().union(*map(columns_in, stated)) if isinstance(stated, list) else set()


def queries(estate: Estate) -> dict[str, dict[str, Any]]:
    """Return the query of each data set, by its ARN."""
    return {
        arn(one): one.properties["PhysicalTableMap"]["mart"]["CustomSql"]
        for one in estate.of_type("AWS::QuickSight::DataSet")
    }


def test_every_field_of_every_visual_is_in_its_data_set(on):
    known = {key: {column["Name"] for column in one["Columns"]} for key, one in queries(on).items()}
    dashboards = list(on.of_type("AWS::QuickSight::Dashboard"))
    assert len(dashboards) == 3
    for dashboard in dashboards:
        stated = dashboard.properties["Definition"]
        sets = {one["Identifier"]: one["DataSetArn"] for one in stated["DataSetIdentifierDeclarations"]}
        there = {(name, column) for name, key in sets.items() for column in known[key]}
        there |= {(one["DataSetIdentifier"], one["Name"]) for one in stated["CalculatedFields"]}
        assert columns_in(stated) - there == set(), dashboard
        used = {data_set for data_set, _ in columns_in(stated)}
        assert used == set(sets), f"{dashboard}: a data set that nothing shows"


def test_every_calculated_field_reads_columns_of_its_data_set(on, metrics):
    known = {model.name: {f"{{{name}}}" for name in model.columns} for model in metrics.models.values()}
    for dashboard in on.of_type("AWS::QuickSight::Dashboard"):
        for one in dashboard.properties["Definition"]["CalculatedFields"]:
            read_here = {f"{{{part.partition('}')[0]}}}" for part in one["Expression"].split("{")[1:]}
            assert read_here
            assert read_here <= known[one["DataSetIdentifier"]]
            assert one["Expression"] == quicksight(metrics.metrics[one["Name"].removeprefix("metric_")])


def test_every_data_set_has_the_columns_of_its_query_and_the_query_those_of_its_mart(on, metrics):
    marts = {model.mart: model for model in metrics.models.values()}
    database = database_name("everything", Zone.PRODUCTS)
    assert queries(on)
    for query in queries(on).values():
        tree = sqlglot.parse_one(query["SqlQuery"], dialect="athena")
        [mart] = tree.find_all(exp.Table)
        assert (mart.db, mart.name) == (database, query["Name"])
        selected = [column.alias_or_name for column in tree.expressions]
        assert selected == [column["Name"] for column in query["Columns"]]
        assert selected == list(marts[mart.name].columns)


def test_each_data_set_is_filled_every_day_after_the_marts_are_built(on):
    sets = {one.properties["DataSetId"] for one in on.of_type("AWS::QuickSight::DataSet")}
    schedules = [one.properties for one in on.of_type("AWS::QuickSight::RefreshSchedule")]
    assert {one["DataSetId"] for one in schedules} == sets
    assert len(schedules) == len(sets)
    settings = on.assembly.settings.analytics
    for one in schedules:
        frequency = one["Schedule"]["ScheduleFrequency"]
        assert (frequency["Interval"], frequency["TimeZone"]) == ("DAILY", "UTC")
        assert int(frequency["TimeOfTheDay"][:2]) > settings.nightly_hour_utc


def test_a_refresh_that_fails_raises_an_alarm(on):
    watched = {
        one.properties["Dimensions"][0]["Value"]
        for one in on.of_type("AWS::CloudWatch::Alarm")
        if one.properties.get("Namespace") == "AWS/QuickSight" and one.properties["MetricName"] == "IngestionErrorCount"
    }
    assert watched == {one.properties["DataSetId"] for one in on.of_type("AWS::QuickSight::DataSet")}


def test_quicksight_asks_under_a_role_and_in_a_workgroup_of_its_own(on):
    [source] = on.of_type("AWS::QuickSight::DataSource")
    stated = source.properties["DataSourceParameters"]["AthenaParameters"]
    assert stated["WorkGroup"] == workgroup_name("everything", Querier.DASHBOARDS)
    role = on.one("AWS::IAM::Role", stated["RoleArn"])
    [trust] = role.properties["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "quicksight.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_readers_look_and_the_owner_publishes(on):
    for dashboard in on.of_type("AWS::QuickSight::Dashboard"):
        rights = {one["Principal"]: set(one["Actions"]) for one in dashboard.properties["Permissions"]}
        assert rights.keys() == {OWNER, READER}
        assert not [one for one in rights[READER] if one.startswith(("quicksight:Update", "quicksight:Delete"))]
        assert rights[READER] < rights[OWNER]
    for one in (*on.of_type("AWS::QuickSight::DataSet"), *on.of_type("AWS::QuickSight::DataSource")):
        assert {each["Principal"] for each in one.properties["Permissions"]} == {OWNER}


def test_contact_data_is_for_those_alone_who_are_named(on):
    for one in on.of_type("AWS::QuickSight::DataSet"):
        [query] = [table["CustomSql"] for table in one.properties["PhysicalTableMap"].values()]
        contact = {column["Name"] for column in query["Columns"] if column["Name"].endswith("_masked")}
        ruled = one.properties.get("ColumnLevelPermissionRules", [])
        assert {name for rule in ruled for name in rule["ColumnNames"]} == contact
        assert all(set(rule["Principals"]) == {OWNER, READER} for rule in ruled)


def test_links_lead_to_dashboards_that_have_the_choice(on):
    found = {}
    for dashboard in on.of_type("AWS::QuickSight::Dashboard"):
        stated = dashboard.properties["Definition"]
        declared = [one["StringParameterDeclaration"]["Name"] for one in stated["ParameterDeclarations"]]
        found[dashboard.properties["DashboardId"]] = declared
    links = 0
    for dashboard in on.of_type("AWS::QuickSight::Dashboard"):
        sheets = dashboard.properties["Definition"]["Sheets"]
        for [(_, visual)] in (one.items() for sheet in sheets for one in sheet["Visuals"]):
            for action in visual.get("Actions", ()):
                url = action["ActionOperations"][0]["URLOperation"]["URLTemplate"]
                address, _, choice = url.partition("#p.")
                parameter, _, column = choice.partition("=")
                assert parameter in found[address.rpartition("/")[2]]
                assert column.strip("<>") in {name for _, name in columns_in(visual)}
                links += 1
    assert links >= 4


def test_visuals_fill_the_grid_without_overlap(on):
    sheets = [
        sheet
        for dashboard in on.of_type("AWS::QuickSight::Dashboard")
        for sheet in dashboard.properties["Definition"]["Sheets"]
    ]
    assert sheets
    for sheet in sheets:
        [layout] = sheet["Layouts"]
        taken = set()
        for one in layout["Configuration"]["GridLayout"]["Elements"]:
            cells = {
                (row, column)
                for row in range(one["RowIndex"], one["RowIndex"] + one["RowSpan"])
                for column in range(one["ColumnIndex"], one["ColumnIndex"] + one["ColumnSpan"])
            }
            assert not cells & taken
            assert max(column for _, column in cells) < 36
            taken |= cells


def test_the_topic_knows_every_metric_by_its_synonyms_and_nothing_else_to_add_up(on, metrics):
    [topic] = on.of_type("AWS::QuickSight::Topic")
    sets = {one["DatasetArn"]: one for one in topic.properties["DataSets"]}
    known = queries(on)
    assert sets.keys() == known.keys()
    words: dict[str, str] = {}
    for key, one in sets.items():
        columns = {column["ColumnName"] for column in one["Columns"]}
        assert columns == {column["Name"] for column in known[key]["Columns"]}
        assert {column["ColumnDataRole"] for column in one["Columns"]} == {"DIMENSION"}
        assert {part["FieldName"] for entity in one["NamedEntities"] for part in entity["Definition"]} <= columns
        for calculated in one["CalculatedFields"]:
            metric = metrics.metrics[calculated["CalculatedFieldName"].removeprefix("metric_")]
            assert calculated["CalculatedFieldSynonyms"] == [metric.label, *metric.synonyms]
            for word in calculated["CalculatedFieldSynonyms"]:
                assert words.setdefault(word.casefold(), metric.name) == metric.name
    shown = {arn(one): one for one in on.of_type("AWS::QuickSight::DataSet")}
    models = {one.properties["DataSetId"].removeprefix("c360-everything-") for one in shown.values()}
    asked = [one for one in metrics.metrics.values() if one.model.name.replace("_", "-") in models]
    assert set(words.values()) == {one.name for one in asked}


def test_the_dashboards_are_in_a_folder_that_readers_may_open(on):
    [folder] = on.of_type("AWS::QuickSight::Folder")
    assert {one["Principal"] for one in folder.properties["Permissions"]} == {OWNER, READER}
    for dashboard in on.of_type("AWS::QuickSight::Dashboard"):
        assert dashboard.properties["FolderArns"] == [arn(folder)]


def test_off_leaves_nothing(customary):
    left = [one for one in customary.resources() if "QuickSight" in one.document["Type"]]
    assert left == []
    names = {group.properties["Name"] for group in customary.resources("AWS::Athena::WorkGroup")}
    assert workgroup_name(customary.settings.environment, Querier.DASHBOARDS) not in names


def test_ids_are_those_of_the_environment(on):
    for kind, key in (("Dashboard", "DashboardId"), ("DataSet", "DataSetId"), ("Theme", "ThemeId")):
        for one in on.of_type(f"AWS::QuickSight::{kind}"):
            assert one.properties[key].startswith(quicksight_id("everything", ""))


# ---- what an operator names: rows that readers see, and sites that embed


@pytest.fixture(scope="module")
def named(_contracts, tmp_path_factory) -> Estate:
    """Everything, with a rule for rows and a site that embeds."""
    settings = with_names("everything", tmp_path_factory.mktemp("settings"))
    assets = placeholder_assets(tmp_path_factory.mktemp("assets"))
    return Estate(synthesize(settings, assets, tmp_path_factory.mktemp("named")))


def test_data_sets_name_their_rules_and_the_rules_their_columns(named):
    sets = {arn(one): one.properties for one in named.of_type("AWS::QuickSight::DataSet")}
    rules = {key for key, one in sets.items() if one.get("UseAs") == "RLS_RULES"}
    limited_by = {}
    for key, one in sets.items():
        if key in rules:
            continue
        columns = {column["Name"] for column in one["PhysicalTableMap"]["mart"]["CustomSql"]["Columns"]}
        stated = one.get("RowLevelPermissionDataSet")
        assert (stated is not None) == bool(columns & {"state", "person_id"}), one["DataSetId"]
        if stated is not None:
            assert (stated["FormatVersion"], stated["Status"]) == ("VERSION_2", "ENABLED")
            [table_of_rules] = sets[stated["Arn"]]["PhysicalTableMap"].values()
            ruled = {column["Name"] for column in table_of_rules["CustomSql"]["Columns"]} - {"UserARN", "GroupARN"}
            assert ruled <= columns
            limited_by[one["DataSetId"]] = stated["Arn"]
    assert set(limited_by.values()) == rules
    assert len(rules) == 2
    refreshed = {one.properties["DataSetId"] for one in named.of_type("AWS::QuickSight::RefreshSchedule")}
    assert {sets[key]["DataSetId"] for key in rules} <= refreshed


def test_a_site_gets_addresses_for_the_named_user_and_itself_alone(named):
    [function] = [
        one
        for one in named.of_type("AWS::Lambda::Function")
        if one.properties["Handler"].startswith("lambdas.embed_url.")
    ]
    variables = function.properties["Environment"]["Variables"]
    settings = named.assembly.settings.analytics.dashboards.embedding
    read_by_it = Settings.from_environment(variables)
    assert (read_by_it.user_arn, tuple(read_by_it.domains)) == (settings.user, settings.domains)
    assert set(read_by_it.dashboards) == {boards.EXECUTIVE, boards.MANAGEMENT, boards.DETAIL}
    statements = [
        statement
        for policy in named.of_type("AWS::IAM::Policy")
        for statement in policy.properties["PolicyDocument"]["Statement"]
        if "GenerateEmbedUrl" in str(statement["Action"])
    ]
    [statement] = statements
    assert statement["Action"] == needs.EMBEDS_FOR_USER.actions[0]
    assert statement["Resource"] == settings.user
    assert statement["Condition"] == {
        "ForAllValues:StringEquals": {"quicksight:AllowedEmbeddingDomains": list(settings.domains)}
    }
    routes = [
        one.properties
        for one in named.of_type("AWS::ApiGatewayV2::Route")
        if "dashboards" in one.properties["RouteKey"]
    ]
    assert len(routes) == 2
    assert {one["AuthorizationType"] for one in routes} == {"AWS_IAM"}


# ---- who sees which rows


def rule(**changes: Any) -> dict[str, Any]:
    return {"column": "state", "values": ["NY", "CA"], "principals": [READER], **changes}


def limited(*rules: dict[str, Any]) -> DashboardsSettings:
    return DashboardsSettings.model_validate({"owner": OWNER, "readers": [READER, USER], "row_rules": list(rules)})


def test_without_rules_everybody_sees_all_rows(metrics):
    assert not any(rules_of(model, limited()) for model in metrics.models.values())


def test_a_limited_reader_sees_the_values_of_the_rule_and_everybody_else_all(metrics):
    found = rules_of(metrics.models["customers"], limited(rule()))
    assert found == Rules(columns=("state",), rows=((None, OWNER, None), (None, READER, "CA,NY"), (USER, None, None)))
    assert found.name == "rules_by_state"


def test_two_rules_by_one_column_add_up_and_by_two_columns_both_hold(metrics):
    customers = metrics.models["customers"]
    both = rules_of(customers, limited(rule(), rule(values=["TX"])))
    assert both is not None
    assert (None, READER, "CA,NY,TX") in both.rows
    crossed = rules_of(customers, limited(rule(), rule(column="currency", values=["USD"])))
    assert crossed is not None
    assert crossed.columns == ("state", "currency")
    assert (None, READER, "CA,NY", "USD") in crossed.rows


def test_a_limited_reader_sees_nobody_where_persons_lack_the_column(metrics):
    found = rules_of(metrics.models["customer_consents"], limited(rule()))
    assert found == Rules(columns=("person_id",), rows=((None, OWNER, None), (USER, None, None)))
    for model in metrics.models.values():
        rules = rules_of(model, limited(rule()))
        if "person_id" in model.columns and "state" not in model.columns:
            assert rules is not None
            assert READER not in {principal for row in rules.rows for principal in row}
        if "person_id" not in model.columns:
            assert rules is None, "a sum of everybody"


def test_the_statement_of_the_rules_gives_them_with_their_columns(metrics):
    found = rules_of(metrics.models["customers"], limited(rule(values=["CA"])))
    assert found is not None
    tree = sqlglot.parse_one(found.query, dialect="athena")
    assert [column.alias_or_name for column in tree.expressions] == ["UserARN", "GroupARN", "state"]
    assert len(list(tree.find_all(exp.Tuple))) == 3
    assert "CAST(NULL AS varchar)" in found.query
    assert f"CAST('{READER}' AS varchar), CAST('CA' AS varchar)" in found.query


def test_a_rule_without_an_effect_is_refused(metrics):
    models = tuple(metrics.models.values())
    with pytest.raises(RowRuleError, match="no data set has the column province; use one of action,"):
        require_effect(models, limited(rule(column="province")))
    require_effect(models, limited(rule()))
    with pytest.raises(RowRuleError, match="orders of customers is whole"):
        rules_of(metrics.models["customers"], limited(rule(column="orders", values=["3"])))


# ---- what cannot be written down


def made(board: Dashboard) -> dict[str, Any]:
    """Return the definition of a dashboard, with addresses that are made up."""
    return definition(
        board,
        data_sets={model.name: "arn" for model in board.models},
        addresses=dict.fromkeys((boards.EXECUTIVE, boards.MANAGEMENT, boards.DETAIL), "https://there"),
    )


def test_the_executive_dashboard_is_one_page(metrics):
    [sheet] = made(boards.executive(metrics))["Sheets"]
    shown = {visual["VisualId"] for one in sheet["Visuals"] for visual in one.values()}
    assert {"line-net-promoter-score-by-month", "line-case-satisfaction-by-month", "heat-cohort-retention"} <= shown


def test_a_full_dashboard_has_sheets_and_each_its_own_choices(metrics):
    found = made(boards.management(metrics))
    chosen = {
        sheet["Name"]: [one["Dropdown"]["SourceParameterName"] for one in sheet["ParameterControls"]]
        for sheet in found["Sheets"]
    }
    assert chosen == {
        "Trade and segments": ["Currency", "Segment"],
        "Campaigns": ["Currency"],
        "Funnel and retention": ["Currency"],
        "Service": [],
        "Consent and quality": [],
    }
    controls = [
        one["Dropdown"]["ParameterControlId"] for sheet in found["Sheets"] for one in sheet["ParameterControls"]
    ]
    assert len(set(controls)) == len(controls)
    visuals = {
        sheet["SheetId"]: {one["VisualId"] for each in sheet["Visuals"] for one in each.values()}
        for sheet in found["Sheets"]
    }
    assert len(set.union(*visuals.values())) == sum(map(len, visuals.values()))
    for group in found["FilterGroups"]:
        for scope in group["ScopeConfiguration"]["SelectedSheets"]["SheetVisualScopingConfigurations"]:
            assert set(scope["VisualIds"]) <= visuals[scope["SheetId"]]


def test_every_system_of_numbers_is_on_a_dashboard(metrics):
    shown = {model.name for board in boards.all_dashboards(metrics) for model in board.models}
    # Churn is for models to learn from, and activity at the level of persons is in the customers.
    assert set(metrics.models) - shown == {"churn_features"}


def test_a_sum_without_a_meaning_is_no_dashboard(metrics):
    revenue = metrics.metrics["revenue"]
    with pytest.raises(DashboardError, match=r"x\.kpi-revenue: trading is not added up across currency"):
        Dashboard(id="x", name="X", about="", visuals=(kpi(revenue),))
    optional = Parameter(name="Currency", title="Currency", column="currency")
    with pytest.raises(DashboardError, match="a parameter on it with a default"):
        Dashboard(id="x", name="X", about="", visuals=(kpi(revenue),), parameters=(optional,))


def test_a_field_that_is_not_there_is_refused_by_name(metrics):
    with pytest.raises(DashboardError, match="trading has no dimension `segment`; it has currency, source, traded_on"):
        bar(metrics.metrics["revenue"], by="segment")
    with pytest.raises(DashboardError, match="customers has no dimension `day`"):
        line(metrics.metrics["customers"], over="day", granularity="week")
    with pytest.raises(DashboardError, match="decided has no column `reasons`"):
        rows("Decisions", metrics.models["decided"], ["reasons"])
    with pytest.raises(DashboardError, match="the visual Two is of 2 data sets: trading, customers"):
        table("Two", [metrics.metrics["revenue"], metrics.metrics["customers"]], by=[])


def test_a_choice_with_a_default_holds_where_nothing_is_added_up_across_it(metrics):
    made = definition(
        boards.executive(metrics),
        data_sets=dict.fromkeys(metrics.models, "arn"),
        addresses=dict.fromkeys((boards.EXECUTIVE, boards.MANAGEMENT, boards.DETAIL), "https://there"),
    )
    filtered = {
        visual
        for group in made["FilterGroups"]
        for scope in group["ScopeConfiguration"]["SelectedSheets"]["SheetVisualScopingConfigurations"]
        for visual in scope["VisualIds"]
    }
    assert {"kpi-revenue", "heat-cohort-retention"} <= filtered
    assert (
        not {"line-net-promoter-score-by-month", "kpi-customers", "kpi-retention", "bar-segment-size-by-segment"}
        & filtered
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"deployed": True}, "owner is missing"),
        ({"deployed": True, "owner": "arn:aws:iam::000000000000:role/x"}, "owner"),
        ({"owner": OWNER, "contact_readers": [READER]}, "who is not in readers"),
        ({"deployed": True, "owner": OWNER, "row_rules": [rule()]}, "who is not in readers"),
        ({"owner": OWNER, "readers": [READER], "row_rules": [rule(principals=[OWNER])]}, "limits the owner"),
        ({"owner": OWNER, "readers": [READER], "row_rules": [rule(values=["CA,NY"])]}, "values"),
        ({"owner": OWNER, "readers": [READER], "row_rules": [rule(values=[])]}, "values"),
        ({"owner": OWNER, "embedding": {"domains": ["http://portal.example.com"]}}, "domains"),
        ({"owner": OWNER, "embedding": {"domains": ["https://portal.example.com/path"]}}, "domains"),
        ({"owner": OWNER, "embedding": {"domains": [f"https://{one}.example.com" for one in "abcd"]}}, "at most 3"),
        ({"owner": OWNER, "embedding": {"user": READER}}, "user"),
        (
            {
                "owner": OWNER,
                "readers": [READER],
                "row_rules": [rule()],
                "embedding": {"domains": ["https://portal.example.com"]},
            },
            "embedding.user is missing",
        ),
        ({"owner": OWNER, "topic": True}, "topic is on and deployed is off"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        DashboardsSettings(**settings)


def test_dashboards_are_refreshed_after_the_marts():
    shown = {"deployed": True, "owner": OWNER, "refresh_hour_utc": 4}
    with pytest.raises(ValueError, match="refresh an hour or more later"):
        AnalyticsSettings(nightly_models=True, nightly_hour_utc=4, dashboards=shown)
