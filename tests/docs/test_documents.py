"""What the documents say is true: every command, path, key, name and number in them is checked against the project."""

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from c360_core import single_view_keys
from c360_core.interaction import ReasonCode, check
from c360_core.names import ENVIRONMENTS, STACKS, IdentifierType, Stream, TableName, Use, Zone
from c360_core.replay import ReplayVerdict
from config.settings import Settings
from ops import smoke
from stacks.shared.lake_access import WRITE
from tests.docs.documents import (
    DECISIONS,
    DOCUMENTS,
    ROOT,
    Block,
    Command,
    anchors,
    blocks,
    coded_list,
    commands,
    inline_code,
    links,
    simple_commands,
    table,
)
from tests.docs.programs import SNAPSHOTS, deployed, problems
from tests.infrastructure.assembly import POLICIES
from tools.contracts import load_and_check
from tools.contracts.compiler import APPFLOW, DATA_EXCHANGE, FILE_FORMAT, JDBC
from tools.contracts.servers import KINDS, WITHOUT_SYSTEM
from tools.suites import runner

README = ROOT / "README.md"
MODEL = ROOT / "docs" / "data-model.md"
LAPTOP = ROOT / "docs" / "laptop.md"
COSTS = ROOT / "docs" / "costs.md"
TESTS = ROOT / "docs" / "tests.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
RUNBOOKS = ROOT / "docs" / "runbooks" / "README.md"
REJECTED = ROOT / "docs" / "runbooks" / "events-are-rejected.md"
REBUILD = ROOT / "docs" / "runbooks" / "all-profiles-again.md"
REVIEWED_COSTS = SNAPSHOTS.parent / "test_operations" / "test_the_costs_are_the_reviewed_ones.json"
# Quick, and they change nothing.
RUN = (
    "make help",
    "./c360 --help",
    "./c360 contracts diff",
    "-m tools.contracts --check",
    "-m tools.contracts.segments --check",
    "-m tools.contracts.journeys --check",
    "-m tools.contracts.plays --check",
)
# What of `./c360 smoke` asks about each part, or why nothing does.
ASKED: dict[str, set[str] | str] = {
    "Templates": {"stacks"},
    "Types that the emulator lacks": {"Lake Formation", "table optimizers"},
    "Lambda": {"event source mappings"},
    "Managed Flink": {"Flink applications", "event in the lake", "event in the view"},
    "Streams": {"streams"},
    "Streams on MSK": {"streams"},
    "Glue jobs": "a run is paid for, and changes the lake",
    "Backfill": "it repeats records on a stream that others read",
    "EMR Serverless": "a run is paid for, and changes the lake",
    "Sources read from databases": "a run is paid for, and reads a system of others",
    "Products of Data Exchange": "an export writes data of others into the lake",
    "Sources read from vendors": "a run is paid for, and reads a system of others",
    "Tables of the lake": {"lake tables", "field ids"},
    "Entity Resolution": {"Entity Resolution", "matching job"},
    "Athena": {"Athena", "persona results"},
    "QuickSight": "its users and its memory are paid for",
    "DataBrew": "a run is paid for, and changes the lake",
    "Models on SageMaker": "a run costs money, and its scores change profiles",
    "SageMaker Studio": "an app is paid for, and belongs to its user",
    "EMR Studio": "a session is paid for",
    "Lake Formation": {
        "Lake Formation",
        "Lake Formation grants",
        "column tags",
        "persona reads",
        "persona columns",
        "persona zones",
    },
    "Redshift": "a query is paid for by the minute",
    "Redshift ML": "a training is paid for",
    "Clean Rooms": "a query is paid for by the partner",
    "Personalize": "a training is paid for",
    "CodeBuild": "a build is paid for, and changes the lake",
    "Step Functions, EventBridge": {"state machines"},
    "Comprehend": "a text is paid for",
    "API destinations of EventBridge": "a call tells another system something",
    "Subscribers of webhooks, the loyalty system": "a call tells another system something",
    "Audiences at Google and Meta": "a call tells a platform who somebody is",
    "CloudWatch": {"alarms", "alarm topic"},
    "SES": {"e-mail"},
    "End User Messaging SMS": "a text message is paid for, and somebody gets it",
    "End User Messaging Push": "somebody gets the message",
    "CloudFront, WAF": {"collector past its edge"},
    "CloudTrail": {"data events"},
    "IAM, KMS": {
        "collector refuses",
        "collector accepts",
        "profile API refuses",
        "persona buckets",
        "public buckets",
        "public functions",
        "API stages",
    },
}
MADE_LATER = (".venvs", "build")
CONTRACTS = load_and_check().contracts


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def bare(cell: str) -> str:
    return cell.strip("`*")


def column(document: Path, marker: str, number: int = 0) -> list[str]:
    return [bare(row[number]) for row in table(document, marker)]


# ---- commands


@pytest.mark.parametrize("command", commands(), ids=str)
def test_a_command_can_be_typed_unchanged(command: Command) -> None:
    assert problems(command.words) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_a_command_within_a_sentence_is_right_too(document: Path) -> None:
    named = [text.split() for text in inline_code(document) if text.startswith(("make ", "./c360 "))]
    assert [problem for words in named for problem in problems(words)] == []


@pytest.mark.parametrize("text", RUN)
def test_a_harmless_command_really_runs(text: str) -> None:
    words = next(c.words for c in commands() if " ".join(c.words).endswith(text))
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("make demmo", "no target demmo"),
        ("make demo SIZE=full", "no variable SIZE"),
        ("./c360 dance", "no command dance"),
        ("./c360 demo --scale enormous", "enormous"),
        ("./c360 demo --speed 3", "--speed"),
        ("./c360 test --only everything", "no suite everything"),
        ("cdk deplay --all", "no command deplay"),
        ("cdk deploy --all --outputs-fill x", "no option --outputs-fill"),
        ("cdk destroy --app build/cdk.out/dev", "which stacks?"),
        ("cdk deploy --exclusively C360-$ENV-Operatoins --app build/cdk.out/dev", "no stack Operatoins"),
        ("cdk bootstrap --app build/cdk.out/dev", "bootstrap which account"),
        ("aws kinesys list-streams", "no service kinesys"),
        ("aws kinesis put-recrod", "no operation put-recrod"),
        ("aws kinesis get-records --iterator x", "no parameter --iterator"),
        ("aws kinesis get-records --limit 10", "--shard-iterator is missing"),
        ("aws sesv2 get-account --query ProductionAccess", "no ProductionAccess"),
        ("X=$(aws cloudformation describe-stacks --stack-name C360-$ENV-Collection "
         "--query \"Stacks[0].Outputs[?OutputKey=='Colector'].OutputValue\")", "no OutputKey Colector"),
        ("aws kinesisanalyticsv2 start-application --application-name x "
         "--run-configuration '{\"ApplicationRestore\": {}}'", "ApplicationRestore"),
        ("python -m tools.contracts --dry-run", "no option --dry-run"),
        ("python -m tools.contract", "no module tools.contract"),
        ("python -c 'from tools.build.flink import build_jar; build_jar(kinesis=True)'", "kinesis"),
        (".venvs/ml/bin/python -m tools.contracts", "no interpreter .venvs/ml"),
        ("curl --data @x.json \"${COLLECTOR%/}/v1/tracks\"", "no route POST /v1/tracks"),
        ("true && terraform apply", "nobody knows the program"),
    ],
)  # fmt: skip
def test_a_wrong_command_is_found(line: str, complaint: str) -> None:
    assert any(complaint in problem for words in simple_commands(line) for problem in problems(words))


# ---- paths, links, names


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    for target in links(document):
        path, _, anchor = target.partition("#")
        page = (document.parent / path).resolve() if path else document
        assert page.exists(), target
        assert not anchor or anchor in anchors(page), target


@pytest.mark.parametrize("document", [*DOCUMENTS, *DECISIONS], ids=name_of)
def test_paths_exist(document: Path) -> None:
    tops = {entry.name for entry in ROOT.iterdir()} - set(MADE_LATER)
    named = {text for text in inline_code(document) if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", text)}
    gone = [text for text in named if ("/" in text or text in tops) and text.split("/")[0] in tops
            and not (ROOT / text).exists()]  # fmt: skip
    assert gone == []


def test_the_layout_names_every_package_and_folders_that_are_there() -> None:
    _, _, layout = ARCHITECTURE.read_text(encoding="utf-8").partition("<!-- folders -->")
    layout, _, _ = layout.partition("\n#")
    folders = re.findall(r"`([\w/]+/)`", layout)
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []
    packages = {f"{path.parent.relative_to(ROOT)}/" for pattern in ("*/__init__.py", "twin/*/__init__.py")
                for path in ROOT.glob(pattern)}  # fmt: skip
    assert packages - set(folders) == {"twin/"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_settings_keys_exist(document: Path) -> None:
    slices = "|".join(Settings.model_fields)
    keys = [text for text in inline_code(document) if re.fullmatch(rf"({slices})(\.\w+)+", text)]
    assert [key for key in keys if not is_setting(key)] == []


def is_setting(key: str) -> bool:
    model: Any = Settings
    for part in key.split("."):
        if part not in getattr(model, "model_fields", {}):
            return False
        model = model.model_fields[part].annotation
    return True


def test_a_misspelt_settings_key_is_found() -> None:
    assert is_setting("collection.clean.started")
    assert not is_setting("collection.clean.start")
    assert not is_setting("collection.started.clean")


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_lake_tables_and_variables_exist(document: Path) -> None:
    tables = {f"{t.zone}.{t.name}" for t in CONTRACTS.lake_tables()}
    tables |= {f"{Zone.CURATED}.{plain}" for plain in (TableName.ER_INPUT, TableName.CUSTOMERS_TO_PREPARE)}
    code = inline_code(document)
    assert {text for text in code if re.fullmatch(r"(raw|quarantine|curated)\.\w+", text)} <= tables
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tools").rglob("*.py"))
    assert [text for text in code if (found := re.match(r"C360_[A-Z_]+", text)) and found[0] not in sources] == []


# ---- the README's picture and numbers


def readme_picture() -> Block:
    """Return the picture of the README; the page about journeys has others."""
    [picture] = [block for block in blocks("mermaid") if block.document == ROOT / "README.md"]
    return picture


def test_the_picture_shows_the_pillars_and_every_stream() -> None:
    picture = readme_picture()
    assert set(re.findall(r"\[\[(.+?)\]\]", picture.text)) == set(Stream)
    pillars = {stack.partition("-")[0] for stack in STACKS}
    assert {f.lower() for f in re.findall(r"subgraph (\w+)", picture.text)} == pillars - {"foundation", "operations"}


def test_the_picture_shows_what_runs() -> None:
    picture = readme_picture()
    applications = {path.parent.name for path in (ROOT / "flink_apps").glob("*/main.py")}
    assert set(re.findall(r"\[Flink: (\w+)\]", picture.text)) == applications
    functions = set(re.findall(r"\[Lambda: (\w+)\]", picture.text)) | {"collector", "profile_api"}
    assert functions == {path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py")}
    outputs = [name for pillar in STACKS for name in deployed(pillar)["Outputs"] if name.endswith("StateMachineArn")]
    machines = [name.removesuffix("StateMachineArn").removesuffix("Journey") for name in outputs]
    # Each audience has a machine, by the names of the settings.
    kinds = {re.sub(r"^Audience\w+", "Audience", machine) for machine in machines}
    assert [kind for kind in sorted(kinds) if kind not in picture.text] == []


@pytest.mark.parametrize(("number", "environment"), [*enumerate(ENVIRONMENTS, start=1)])
def test_costs_are_those_that_synthesis_prints(number: int, environment: str) -> None:
    rows = {bare(row[0]): float(row[number] or 0) for row in table(COSTS, "costs")}
    total = rows.pop("total")
    costs = json.loads(REVIEWED_COSTS.read_text(encoding="utf-8"))[environment]
    assert {part: usd for part, usd in rows.items() if usd} == pytest.approx(costs)
    assert total == pytest.approx(sum(rows.values()))


def test_the_suites_are_those_of_the_tool() -> None:
    assert set(column(TESTS, "suites")) == {part.suite for part in [*runner.checks(), *runner.tests()]}


def test_checks_that_need_aws_run_there_or_are_reported_as_unavailable() -> None:
    names = {name for name, _, _ in smoke.CHECKS}
    assert [part.partition(" (")[0] for part in column(LAPTOP, "only-aws")] == list(ASKED)
    for part, asked in ASKED.items():
        assert isinstance(asked, str) or asked <= names, part
    assert names == {name for asked in ASKED.values() if not isinstance(asked, str) for name in asked}


def test_the_stand_ins_are_the_types_that_the_emulator_lacks() -> None:
    from ministack.services.cloudformation import provisioners

    types = {resource["Type"] for pillar in STACKS for resource in deployed(pillar)["Resources"].values()}
    used = {name for name in types if not name.startswith("Custom::")}  # their functions run
    named = re.findall(r"`(AWS::\w+::\w+)`", LAPTOP.read_text(encoding="utf-8"))
    assert sorted(named) == sorted(used - set(provisioners._RESOURCE_HANDLERS))


# ---- the model


def test_stacks_are_the_ones_deployed() -> None:
    assert column(ARCHITECTURE, "stacks") == list(STACKS)
    assert [pillar for pillar in STACKS if not deployed(pillar)["Resources"]] == []


def test_streams_tables_and_types_are_those_of_the_contracts() -> None:
    assert column(MODEL, "streams") == list(Stream)
    rows = sorted((bare(zone), bare(name), day or None) for zone, name, day in table(MODEL, "tables"))
    assert rows == sorted((str(t.zone), t.name, t.partition) for t in CONTRACTS.lake_tables())
    assert sorted(coded_list(MODEL, "event types")) == sorted(CONTRACTS.events)
    assert coded_list(MODEL, "identifiers") == list(IdentifierType)


def test_retentions_are_those_of_the_contracts() -> None:
    rows = {bare(name): (kept, after.split("`")[1]) for name, kept, after in table(MODEL, "retention")}
    assert rows == {
        f"{t.zone}.{t.name}": (f"{t.retention.days} days", t.retention.column)
        for t in CONTRACTS.lake_tables()
        if t.retention
    }


def test_items_are_those_of_the_single_view() -> None:
    known = {value for name, value in vars(single_view_keys).items() if name.endswith("_PREFIX")}
    known |= {single_view_keys.PROFILE, single_view_keys.ALIAS, single_view_keys.REMOVED}
    assert {re.sub(r"(#).*", r"\1", key) for key in column(MODEL, "items")} == known


def test_requests_are_those_that_the_profile_api_answers() -> None:
    source = (ROOT / "lambdas" / "profile_api" / "handler.py").read_text(encoding="utf-8")
    routes = re.findall(r'@app\.(\w+)\((?:f"\{)?CUSTOMERS\}?([^")]*)', source)
    answered = {f"{verb.upper()} /v1/customers{path}".translate(str.maketrans("<>", "{}")) for verb, path in routes}
    named = {request.partition("?")[0] for request in column(MODEL, "routes")}
    assert {request.replace("{id}", "{person_id}") for request in named} == answered


def test_requests_are_those_that_the_inbox_answers() -> None:
    source = (ROOT / "lambdas" / "inbox" / "handler.py").read_text(encoding="utf-8")
    routes = re.findall(r'@app\.(\w+)\((?:f"\{)?INBOX\}?([^")]*)', source)
    answered = {f"{verb.upper()} /v1/inbox{path}".translate(str.maketrans("<>", "{}")) for verb, path in routes}
    assert set(column(MODEL, "inbox routes")) == answered


def test_every_reason_is_explained() -> None:
    assert sorted(column(REJECTED, "reasons")) == sorted(ReasonCode)


def test_everything_that_a_contract_may_say_of_its_files_is_explained() -> None:
    assert sorted(column(MODEL, "file format")) == sorted(FILE_FORMAT)


def test_everything_that_a_contract_may_say_of_how_its_data_arrives_is_explained() -> None:
    assert {bare(way): bare(kind) for way, _type, kind, _what in table(MODEL, "arrivals")} == {
        way: kind for way, kind in KINDS.items() if way not in WITHOUT_SYSTEM
    }
    assert sorted(name for row in table(MODEL, "jdbc") for name in re.findall(r"`(\w+)`", row[0])) == sorted(JDBC)
    named = [name for row in table(MODEL, "data exchange") for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(named) == sorted(DATA_EXCHANGE)
    assert column(MODEL, "uses") == list(Use)
    assert sorted(column(MODEL, "appflow")) == sorted(APPFLOW)


def test_every_decision_is_listed_in_order() -> None:
    [listing, *pages] = sorted(DECISIONS, key=lambda path: path.name != "README.md")
    listed = [f"{number}: {target}" for row in table(listing, "decisions")
              for number, target in re.findall(r"\[(\d{4})\]\((.+?)\)", row[0])]  # fmt: skip
    assert listed == [f"{page.name[:4]}: {page.name}" for page in pages]
    for page in pages:
        assert page.read_text(encoding="utf-8").startswith(f"# {page.name[:4]} "), page.name


def test_every_verdict_of_a_replay_is_explained() -> None:
    assert sorted(column(REJECTED, "verdicts")) == sorted(ReplayVerdict)


def test_the_operators_rights_are_such_as_our_own_roles_have() -> None:
    statements = [statement for pillar in STACKS for resource in deployed(pillar)["Resources"].values()
                  if resource["Type"] in POLICIES
                  for statement in resource["Properties"]["PolicyDocument"]["Statement"]]  # fmt: skip
    granted = {action for one in statements for action in ([one["Action"]] if isinstance(one["Action"], str)
                                                           else one["Action"])}  # fmt: skip
    named = {action for _, actions in table(REJECTED, "permissions") for action in re.findall(r"`([^`]+)`", actions)}
    assert named - granted == set()
    [given, taken] = [command.words for command in commands()
                      if command.words[:2] == ("aws", "lakeformation") and "rejected" in command.words[-1]]  # fmt: skip
    for words in (given, taken):
        assert set(words[words.index("--permissions") + 1 : words.index("--resource")]) == set(WRITE)


def alarms() -> set[str]:
    """Return what the alarms of all environments say of themselves."""
    templates = (path.read_text(encoding="utf-8") for path in SNAPSHOTS.glob("*.json"))
    return {
        said for template in templates for said in re.findall(r'"AlarmDescription": "Customer 360: (.+?)"', template)
    }


def rows_for(alarm: str) -> list[str]:
    """Return the runbooks that the table of alarms has for one."""
    return [
        go_to for words, go_to in table(RUNBOOKS, "alarms") if any(w in alarm for w in re.findall("`(.+?)`", words))
    ]


def test_every_alarm_has_a_runbook() -> None:
    assert len(alarms()) > 40
    assert [alarm for alarm in sorted(alarms()) if not rows_for(alarm)] == []


def test_every_row_of_the_table_of_alarms_matches_an_alarm() -> None:
    said = "".join(path.read_text(encoding="utf-8") for path in SNAPSHOTS.glob("*.json"))
    words = [word for row in table(RUNBOOKS, "alarms") for word in re.findall("`(.+?)`", row[0])]
    assert [word for word in words if word not in said] == []


@pytest.mark.parametrize(
    ("alarm", "runbook"),
    [
        ("unread records of the stream Events expire soon: half of their retention time has passed", "#1-buy-time"),
        ("the Flink application Unify restarts after failures", "#3-a-flink-application"),
        ("an execution of ResolveIdentity ran out of time and was ended", "#an-execution-failed"),
        ("an execution of IngestFile ran out of time and was ended", "files-are-not-ingested.md"),
        ("LandedFiles: messages wait in the queue, and nobody takes them", "files-are-not-ingested.md"),
        ("ProfileWriterFailed: input waits in the dead-letter queue; see it, redrive it", "#4-the-writer"),
        ("an API key was rotated: its source needs the new one before the next rotation", "#an-api-key-was-rotated"),
        ("the function KeyRotation fails", "log"),
        ("DecisionFailed: input waits in the dead-letter queue; see it, redrive it", "#input-waits"),
    ],
)
def test_the_first_row_with_the_text_of_an_alarm_is_the_right_one(alarm: str, runbook: str) -> None:
    assert alarm in alarms()
    assert runbook in rows_for(alarm)[0]


def test_every_message_of_a_rebuild_is_one_that_it_gives() -> None:
    paths = [path for folder in ("ops", "tools") for path in (ROOT / folder).rglob("*.py")]
    said = "".join(path.read_text(encoding="utf-8") for path in paths)
    messages = [re.findall("`(.+?)`", row[0])[0] for row in table(REBUILD, "messages")]
    assert len(messages) > 4
    assert [message for message in messages if message not in said] == []


@pytest.mark.parametrize("block", [block for block in blocks("json") if "Statement" not in block.text], ids=str)
def test_an_example_event_keeps_its_contract(block: Block) -> None:
    document = json.loads(block.text)
    for event in document.get("batch", [document]):
        check({"source": "web_events", **event}, now=datetime.now(UTC), contracts=CONTRACTS)


def columns_of(document: Path, asked: exp.Table) -> set[str]:
    """Return the columns of a table that a document asks: of the lake, or one that the document itself makes."""
    for known in CONTRACTS.lake_tables():
        if (f"c360_dev_{known.zone}", known.name) == (asked.db, asked.name):
            return {field.name for field in known.fields}
    statements = [sqlglot.parse_one(one.text, dialect="athena") for one in blocks("sql") if one.document == document]
    [made] = [one for one in statements if isinstance(one, exp.Create) and one.this.this.name == asked.name]
    return {column.name for column in made.find_all(exp.ColumnDef)}


@pytest.mark.parametrize("block", blocks("sql"), ids=str)
def test_a_query_asks_for_tables_and_columns_that_exist(block: Block) -> None:
    query = sqlglot.parse_one(block.text, dialect="athena")
    [asked] = query.find_all(exp.Table)
    aliases = {alias.alias for alias in query.find_all(exp.Alias)}
    assert {found.name for found in query.find_all(exp.Column)} - aliases <= columns_of(block.document, asked)
