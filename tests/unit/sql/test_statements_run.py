"""Every statement that is shipped runs on a real engine in a test that is named here, or says to people why it cannot.

A place of statements is a folder below `sql`, a module of what is deployed or of what operators do, or a property of a
resource in the reviewed templates, which `tests/infrastructure` holds to be those of the assembly. A place that nobody
has named fails here. What no engine on a laptop can run stands in `tools/suites/statements.py`; `make test` prints it.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.suites.runner import not_run
from tools.suites.statements import WITHOUT_ENGINE

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = ROOT / "tests" / "infrastructure" / "__snapshots__" / "test_templates"
# What is deployed, and what operators run. The twin and the tools run statements of their own against the twin alone.
PACKAGES = ("c360_core", "c360_aws", "c360_metrics", "stacks", "lambdas", "glue_jobs", "flink_apps", "ops")
STATEMENT = re.compile(
    r"\s*(--[^\n]*\n\s*)*(SELECT\s|WITH\s+\w+\s+(AS|\()|INSERT\s+INTO\s|MERGE\s+INTO\s|UPDATE\s+\S+\s+SET\s"
    r"|DELETE\s+FROM\s|CREATE\s+(TABLE|VIEW|SCHEMA|CATALOG|TEMPORARY|TEMP|EXTERNAL|ROLE|MODEL|MATERIALIZED|OR)\s"
    r"|GRANT\s|ALTER\s+(TABLE|USER|ROLE)\s|REFRESH\s|UNLOAD\s*\(|COPY\s|CALL\s|EXECUTE\s)"
)
MARTS, TRINO = "tests/engines/trino/test_marts.py", "tests/engines/trino"
WAREHOUSE = "tests/engines/postgresql/test_warehouse_loads.py::test_the_figures_are_those_of_the_lake_to_the_cent"
STORY = "tests/twin/test_story.py::test_every_known_answer_is_found"
TEMPLATES_OF_PARTNERS = f"{TRINO}/test_what_is_shared.py::test_the_shipped_templates_run_on_trino"
EVERY_NODE = f"{MARTS}::test_every_node_of_the_project_succeeds"
# By which test each place is run: a folder as a whole, because the test runs whatever is in it.
RUN = {
    "sql/models": EVERY_NODE,
    "sql/macros": EVERY_NODE,
    "sql/tests": EVERY_NODE,
    "sql/named_queries": f"{MARTS}::test_named_queries_run",
    "sql/prepared_statements": f"{MARTS}::test_common_questions_are_answered_by_name",
    "sql/warehouse": WAREHOUSE,
    "sql/clean_room": TEMPLATES_OF_PARTNERS,
    "c360_core/projections.py": "tests/engines/spark/test_quality.py::test_each_row_lists_the_rules_that_it_breaks",
    "c360_metrics/nothing.py": f"{TRINO}/test_metrics.py::test_a_question_without_data_says_why",
    "c360_metrics/statements.py": f"{TRINO}/test_metrics.py::test_every_metric_is_answered",
    "stacks/analytics/dashboards/data.py": STORY,
    "stacks/analytics/dashboards/row_rules.py": f"{TRINO}/test_report.py::test_the_rules_of_rows_are_answered",
    "stacks/analytics/preparation/data_set.py": (
        f"{TRINO}/test_preparation.py::test_the_outcome_is_that_of_the_same_steps_in_sql"
    ),
    "stacks/analytics/warehouse/access.py": (
        "tests/engines/postgresql/test_warehouse_loads.py::test_a_persona_reads_by_its_role_and_changes_nothing"
    ),
    "stacks/analytics/warehouse/relations.py": (
        "tests/engines/postgresql/test_redshift_policies.py::test_what_was_rebuilt_is_protected_again"
    ),
    "glue_jobs/extract_tables/main.py": (
        "tests/databases/test_extract_tables.py::test_mariadb_is_read_over_tls_with_its_truths_times_and_nulls"
    ),
    "glue_jobs/shared/lake.py": (
        "tests/engines/spark/test_ingest_files.py::test_a_good_file_is_loaded_with_its_types_and_its_text_as_written"
    ),
    "flink_apps/clean/pipeline.py": "tests/engines/flink/test_clean.py::test_the_flow_plans_on_either_kind_of_streams",
    "flink_apps/shared/tables.py": STORY,
    "flink_apps/unify/pipeline.py": (
        "tests/engines/flink/test_unify.py::test_every_profile_is_exact_after_every_chapter"
    ),
    "ops/quarantine.py": (
        "tests/twin/test_history.py::test_the_list_counts_by_source_reason_and_day_for_whoever_may_not_read_bodies"
    ),
    "ops/report/questions.py": f"{TRINO}/test_report.py::test_every_visual_and_every_choice_is_answered",
    "ops/smoke/event.py": "tests/twin/test_commands.py::test_the_smoke_test_finds_everything_there_and_answering",
    "ops/smoke/lake.py": "tests/twin/test_commands.py::test_the_smoke_test_finds_everything_there_and_answering",
    "ops/smoke/personas.py": "tests/twin/test_commands.py::test_the_smoke_test_finds_everything_there_and_answering",
    "ops/simulation.py": "tests/twin/test_commands.py::test_the_present_plays_simulated_again_change_nothing",
    "AWS::Athena::NamedQuery.QueryString": f"{MARTS}::test_named_queries_run",
    "AWS::Athena::PreparedStatement.QueryStatement": f"{MARTS}::test_common_questions_are_answered_by_name",
    "AWS::CleanRooms::AnalysisTemplate.Text": TEMPLATES_OF_PARTNERS,
    "AWS::QuickSight::DataSet.SqlQuery": STORY,
    "AWS::StepFunctions::StateMachine.QueryString": STORY,
    "AWS::StepFunctions::StateMachine.statements": WAREHOUSE,
    "AWS::StepFunctions::StateMachine.Sql": WAREHOUSE,
    "stacks/activation/audiences/keeping.py": (
        "tests/deployments/test_audiences.py::"
        "test_platforms_have_whom_the_lake_names_and_lose_who_leaves_even_if_a_removal_fails_first"
    ),
    "stacks/analytics/foresight/run.py": (
        "tests/deployments/test_foresight.py::"
        "test_the_scores_of_a_trained_model_are_published_under_each_customers_identifiers"
    ),
    "AWS::StepFunctions::StateMachine.Sqls": (
        "tests/slow/test_churn_training.py::test_the_deployed_machine_trains_a_model_and_keeps_its_scores"
    ),
}


def places() -> set[str]:
    """Return every place of statements."""
    return {*_folders(), *_modules(), *_properties()}


def _folders() -> Iterator[str]:
    for path in (ROOT / "sql").rglob("*.sql"):
        yield "/".join(path.relative_to(ROOT).parts[:2])


def _modules() -> Iterator[str]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if any(map(STATEMENT.match, _texts(ast.parse(path.read_text(encoding="utf-8"))))):
                yield str(path.relative_to(ROOT))


def _texts(tree: ast.Module) -> Iterator[str]:
    """Yield the texts of a module, but for what explains it; a value in a text is an `x`."""
    nodes = list(ast.walk(tree))
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    said = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts | said:
            yield node.value


def _properties() -> Iterator[str]:
    for path in sorted(TEMPLATES.glob("test_the_template_is_the_reviewed_one*.json")):
        template = json.loads(path.read_text(encoding="utf-8"))
        for resource in template.get("Resources", {}).values():
            for name in _stated(resource.get("Properties", {}), ""):
                yield f"{resource['Type']}.{name}"


def _stated(value: Any, name: str) -> Iterator[str]:
    """Yield the names of the properties that hold a statement, also in a document that is a text."""
    if isinstance(value, dict) and set(value) == {"Fn::Join"}:
        yield from _stated("".join(part if isinstance(part, str) else "x" for part in value["Fn::Join"][1]), name)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _stated(part, key)
    elif isinstance(value, list):
        for part in value:
            yield from _stated(part, name)
    elif isinstance(value, str) and value.startswith(("{", "[")):
        try:
            yield from _stated(json.loads(value), name)
        except ValueError:
            return
    elif isinstance(value, str) and STATEMENT.match(value):
        yield name


def test_every_place_of_statements_has_its_test_or_its_reason() -> None:
    assert places() == set(RUN)


@pytest.mark.parametrize("test", sorted(set(RUN.values())))
def test_the_tests_that_run_them_are_there(test: str) -> None:
    path, _, name = test.partition("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_what_has_no_engine_is_shipped_has_a_reason_and_is_printed() -> None:
    """A reason for something that is no more would hide the next thing in its place."""
    for one in WITHOUT_ENGINE:
        assert len(one.why) > 40, one
        assert one.statement in (ROOT / one.place).read_text(encoding="utf-8"), one
    printed = {(one.what, one.why) for one in not_run({"engines"})}
    assert {(one.what, one.why) for one in WITHOUT_ENGINE} <= printed
    assert list(not_run({"unit"})) == []


def test_a_statement_in_a_document_of_a_document_is_found() -> None:
    states = json.dumps({"States": {"Load": {"Arguments": {"Sql": "MERGE INTO t USING s ON a = b"}}}})
    assert list(_stated({"DefinitionString": {"Fn::Join": ["", [states]]}}, "")) == ["Sql"]
    assert list(_stated({"Permissions": ["SELECT"], "Text": "SELECTED"}, "")) == []
