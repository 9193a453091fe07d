"""The deployed assets do their work on the laptop: every store holds what it must, to the event and to the cent."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from c360_core.names import Zone
from tests.factories.events import event
from tests.twin.conftest import HOME
from tools.console import Steps
from tools.laptop import demonstrate
from tools.laptop.demonstrate import Demonstration
from twin.emulator import emulator
from twin.emulator.decisions import Outcome, read
from twin.processes.process import LOOPBACK
from twin.scenario import page, straight, unify
from twin.scenario.collect import produce, signed
from twin.scenario.deployment import Credentials, Deployment, files_of
from twin.scenario.history import INGEST_SECONDS, WEB
from twin.scenario.permissions import by_root, persona_roles, refusals
from twin.scenario.story import CLEAN, UNIFY
from twin.scenario.waiting import until
from twin.settings import ROOT


def test_every_known_answer_is_found(run: Demonstration) -> None:
    assert [(c.name, c.expected, c.actual) for c in run.result.checks if not c.passed] == []


def test_no_request_was_refused_and_nobody_acted_as_root(run: Demonstration) -> None:
    made = run.authorizations

    assert refusals(made, persona_roles(run.story.deployment)) == []
    assert by_root(made) == []


def test_sent_is_clean_plus_duplicates_plus_rejected(run: Demonstration) -> None:
    found = {check.name: check.actual for check in run.result.checks}
    counted = [int(found[name]) for name in ("clean interactions", "duplicates", "rejected, in quarantine")]

    assert sum(counted) == run.story.manifest.events_sent + run.story.manifest.rows_refused


def test_the_matching_reaches_its_floor(run: Demonstration) -> None:
    assert run.result.floors
    assert [floor for floor in run.result.floors if not floor.passed] == []


def test_the_summary_for_machines_holds_what_was_found(run: Demonstration, capsys: pytest.CaptureFixture[str]) -> None:
    demonstrate.summarize(Steps(machine=True), run.result)
    said = json.loads(capsys.readouterr().out)

    assert said["passed"] is True
    assert {check["name"] for check in said["checks"]} >= {"spend in the lake", "mails after the consent was withdrawn"}
    assert 0 < said["latency_p50_seconds"] <= said["latency_p95_seconds"]
    assert said["peak_memory_gigabytes"] > 0
    assert said["seconds"]["cdk deploy --all"] > 0


def test_the_page_shows_the_people_of_this_run(run: Demonstration, tmp_path: Path) -> None:
    page.write(run.result, tmp_path / "index.html")
    shown = (tmp_path / "index.html").read_text(encoding="utf-8")

    assert run.live_result.welcome_id in shown
    assert all(message.subject in shown for message in run.result.messages)


def test_the_quarantine_says_why_for_every_reason_that_was_sent(run: Demonstration) -> None:
    deployment = run.story.deployment
    environment = deployment.emulator.settings.environment
    rows = deployment.query(
        f"SELECT reason_code, count(*), min(reason) FROM c360_{environment}_{Zone.QUARANTINE}.rejected GROUP BY 1"
    )
    sent: dict[str, int] = {}
    manifest = run.story.manifest
    for rejected in (f.rejected for f in (*manifest.streams, *manifest.files, *manifest.broken_files)):
        for code, count in rejected.items():
            sent[code] = sent.get(code, 0) + count

    assert {str(code): int(str(count)) for code, count, _ in rows} == sent
    assert all(reason for _, _, reason in rows)


def test_an_unsigned_request_of_a_signing_source_is_rejected(run: Demonstration) -> None:
    deployment, body = run.story.deployment, b'{"batch":[]}'
    url = f"{deployment.url('CollectorUrl')}/v1/batch"
    ours = deployment.credentials(WEB)
    forged = Credentials(key=ours.key, signing_secret=b"somebody else's")

    answers = {
        name: httpx.post(url, content=body, headers={"content-type": "application/json", **headers}, timeout=60)
        for name, headers in {
            "nobody": {},
            "unsigned": {"x-api-key": ours.key},
            "forged": signed(body, forged),
            "signed": signed(body, ours),
        }.items()
    }

    assert {name: answer.status_code == 401 for name, answer in answers.items()} == {
        "nobody": True,
        "unsigned": True,
        "forged": True,
        "signed": False,
    }
    assert answers["unsigned"].json()["code"] == "BAD_SIGNATURE"


def test_a_customer_is_found_by_any_identifier_and_seen_whole(run: Demonstration) -> None:
    view = run.story.api.get(run.live_result.welcome_id)
    assert view is not None

    assert view["attributes"]["first_name"] == "Nora"
    assert view["aggregates"]["orders"] == 1
    assert view["aggregates"]["spend"] == "39.90"
    assert {event["event_type"] for event in run.story.api.page(run.live_result.welcome_id, "timeline")} >= {
        "order_placed"
    }


def test_marts_hold_segments_months_and_quintiles(run: Demonstration) -> None:
    assert run.result.analysis.segments
    assert len({month for month, _, _ in run.result.analysis.spend}) >= 12
    # Everybody who bought last on the same day shares a quintile, so that one may stay empty.
    assert {1, 2, 3} <= {recency for recency, _, _ in run.result.analysis.rfm} <= {1, 2, 3, 4, 5}


def test_the_mail_greets_by_name_and_goes_to_one_person(run: Demonstration) -> None:
    (welcome,) = run.live_result.mails["welcome"]

    assert "Nora" in welcome.subject + welcome.body
    assert run.live_result.mails["withdrawn"] == []


def test_a_message_that_was_sent_comes_back_as_an_interaction(run: Demonstration) -> None:
    deployment = run.story.deployment
    table = f"c360_{deployment.emulator.settings.environment}_raw.interactions"

    until(
        "the sent messages are in the lake",
        lambda: deployment.count(table, "event_type = 'message_sent'"),
        lambda seen: seen >= 2,
        seconds=90,
    )


def test_every_resolution_ran_the_matching_job_of_the_deployed_workflow(run: Demonstration) -> None:
    deployment = run.story.deployment
    states, matching = deployment.client("stepfunctions"), deployment.client("entityresolution")
    executions = states.list_executions(stateMachineArn=deployment.outputs["ResolveIdentityStateMachineArn"])
    jobs = matching.list_matching_jobs(workflowName=deployment.outputs["MatchingWorkflowName"])["jobs"]

    assert [execution["status"] for execution in executions["executions"]] == ["SUCCEEDED", "SUCCEEDED"]
    assert [job["status"] for job in jobs] == ["SUCCEEDED", "SUCCEEDED"]


def test_a_corrected_rejection_is_replayed_once_and_its_row_names_the_event(run: Demonstration, tmp_path: Path) -> None:
    deployment, file = run.story.deployment, tmp_path / "mended.jsonl"
    environment = deployment.emulator.settings.environment
    rejected, interactions = f"c360_{environment}_quarantine.rejected", f"c360_{environment}_raw.interactions"
    chosen = ("--source", "web_events", "--code", "MISSING_FIELD")

    looked = c360_replay(run, *chosen, "--dry-run", "--to-file", str(file))
    line = json.loads(file.read_text(encoding="utf-8").splitlines()[0])
    line["body"] = event("web_events", "page_viewed", event_id="replayed-1", payload={"title": "it's \u00fc\r\n"})
    file.write_text(json.dumps(line), encoding="utf-8")
    first, second = (c360_replay(run, "--from-file", str(file)) for _ in range(2))

    held = deployment.count(rejected, "source = 'web_events' AND reason_code = 'MISSING_FIELD'")
    assert held > 0
    assert (looked["held_back"], looked["sent"]) == (held, 0)
    assert (first["sent"], first["marked"], second["sent"]) == (1, 1, 0)
    marked = deployment.query(f"SELECT rejected_id, fixed_by FROM {rejected} WHERE fixed_by = 'replayed-1'")
    assert marked == [(line["rejected_id"], "replayed-1")]
    until(
        "the replayed event is in the lake",
        lambda: deployment.count(interactions, "event_id = 'replayed-1'"),
        lambda seen: seen == 1,
        seconds=90,
    )


def test_rows_that_came_in_files_are_held_back_by_name_and_marked_by_the_file_that_replaced_them(
    run: Demonstration,
) -> None:
    chosen = ("--source", "loyalty_members")

    looked = c360_replay(run, *chosen, "--dry-run")
    noted = c360_replay(run, *chosen, "--fixed-by", "loyalty_members/corrected.csv")

    assert {group["verdict"] for group in looked["groups"]} == {"from_file"}
    assert (noted["sent"], noted["marked"]) == (0, looked["held_back"])


def test_a_burst_of_files_makes_few_runs_and_every_row_arrives_once(run: Demonstration) -> None:
    deployment = run.story.deployment
    environment = deployment.emulator.settings.environment
    header = "case_id,case_customer_id,customer_name,email,phone,topic,channel,text,opened_at,closed_at,csat"
    before = deployment.ingestions()

    s3, bucket = deployment.client("s3"), deployment.outputs["LandingBucketName"]
    for number in range(30):
        row = f"K9900{number:02},S9900{number:02},,,,delivery,email,,2026-03-01T10:00:00Z,,"
        s3.put_object(Bucket=bucket, Key=f"support_cases/burst-{number}.csv", Body=f"{header}\n{row}\n".encode())

    runs = deployment.wait_for_files(files_of(before) + 30, seconds=INGEST_SECONDS)
    assert {each["status"] for each in runs} == {"SUCCEEDED"}
    assert files_of(runs) == files_of(before) + 30
    assert 1 <= len(runs) - len(before) <= 4
    assert deployment.count(f"c360_{environment}_raw.support_cases", "case_id LIKE 'K9900%'") == 30
    opened = "event_type = 'case_opened' AND json_extract_scalar(payload, '$.case_id') LIKE 'K9900%'"
    until(
        "the events of the burst are in the lake",
        lambda: deployment.count(f"c360_{environment}_raw.interactions", opened),
        lambda seen: seen >= 30,
        seconds=90,
    )
    assert deployment.count(f"c360_{environment}_raw.interactions", opened) == 30


def c360_replay(run: Demonstration, *arguments: str) -> dict[str, Any]:
    settings = run.story.deployment.emulator.settings
    words = (sys.executable, "-m", "tools.cli", "replay", "--env", settings.environment, "--json", *arguments)
    variables = {**os.environ, **settings.client_environment()}
    done = subprocess.run(words, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


# Secrets Manager calls the rotation after 90 days, tests of their own let vendors fail and export again, and a
# schedule, whose hour does not come here, keeps the Flink applications running and saves them. The rule of tables that
# recover starts nothing in the story, where none fails.
WAITING = (
    "KeyRotation",
    # A model is trained on 500 answers at least, and the tests' shoppers are 40.
    "WarehouseChurn",
    # The same, and no step of the story runs its machines: tests/deployments does.
    "Foresight",
    # Nobody of the demonstration is unhappy and spends much; `tests/deployments/test_sentiment.py` opens tasks.
    "ServiceTasks",
    # Nobody of the demonstration has the app open; `tests/deployments/test_messages.py` opens inboxes.
    "InboxFunction",
    "Collection-DataExchange",
    "Collection-Saas",
    "Operations-Keeper",
    "Operations-Snapshots",
    "ModelsRunMachineEvents",
)


def test_everything_that_runs_acted_under_its_own_role(run: Demonstration) -> None:
    deployment = run.story.deployment

    acted = {one.principal for one in read(deployment.emulator.settings.home) if one.decision is Outcome.ALLOW}

    idle = own_roles(deployment) - acted
    assert [role for role in idle if not any(part in role for part in WAITING)] == []


def own_roles(deployment: Deployment) -> set[str]:
    """Return the roles of the functions, state machines, rules, jobs, applications, builds and matchings.

    The role of a schedule acts at its hour, which is not now.
    """
    states, events, flink = (deployment.client(name) for name in ("stepfunctions", "events", "kinesisanalyticsv2"))
    builds, matching = deployment.client("codebuild"), deployment.client("entityresolution")
    machines = [each["stateMachineArn"] for each in states.list_state_machines()["stateMachines"]]
    buses = [bus["Name"] for bus in events.list_event_buses()["EventBuses"]]
    rules = [
        (bus, rule["Name"])
        for bus in buses
        for rule in events.list_rules(EventBusName=bus)["Rules"]
        if "ScheduleExpression" not in rule
    ]
    targets = [t for bus, name in rules for t in events.list_targets_by_rule(Rule=name, EventBusName=bus)["Targets"]]
    applications = [deployment.outputs[name] for name in (CLEAN, UNIFY)]
    described = [flink.describe_application(ApplicationName=name)["ApplicationDetail"] for name in applications]
    return {
        *(function["Role"] for function in deployment.client("lambda").list_functions()["Functions"]),
        *(states.describe_state_machine(stateMachineArn=machine)["roleArn"] for machine in machines),
        *(target["RoleArn"] for target in targets if "RoleArn" in target),
        *(job["Role"] for job in deployment.client("glue").get_jobs()["Jobs"]),
        *(detail["ServiceExecutionRole"] for detail in described),
        *(
            project["serviceRole"]
            for project in builds.batch_get_projects(names=builds.list_projects()["projects"])["projects"]
        ),
        matching.get_matching_workflow(workflowName=deployment.outputs["MatchingWorkflowName"])["roleArn"],
    }


def test_a_statement_less_makes_the_call_fail_that_needs_it(run: Demonstration) -> None:
    """The profile API reads the single view: without that statement it answers nobody."""
    deployment, person = run.story.deployment, run.live_result.welcome_id
    roles = deployment.client("iam")
    role = next(name for name in role_names(roles) if "ProfileApi" in name)
    (policy,) = roles.list_role_policies(RoleName=role)["PolicyNames"]
    whole = roles.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    less = {**whole, "Statement": [one for one in whole["Statement"] if "dynamodb:" not in json.dumps(one["Action"])]}
    assert len(less["Statement"]) < len(whole["Statement"])
    before = refusals(read(deployment.emulator.settings.home))

    try:
        roles.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(less))
        with pytest.raises(httpx.HTTPStatusError, match=r"500|502"):
            run.story.api.get(person)
    finally:
        roles.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(whole))

    refused = [one for one in refusals(read(deployment.emulator.settings.home)) if one not in before]
    assert {(one.principal.rpartition("/")[2], one.action.partition(":")[0]) for one in refused} == {(role, "dynamodb")}
    assert (run.story.api.get(person) or {})["person_id"] == person


def role_names(roles: Any) -> list[str]:
    return [role["RoleName"] for page in roles.get_paginator("list_roles").paginate() for role in page["Roles"]]


def order(number: int, card: str) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "event_id": f"kill-{number}",
        "event_type": "order_placed",
        "source": "pos_transactions",
        "schema_version": 1,
        "occurred_at": now,
        "identifiers": {"loyalty_id": [card]},
        "payload": {
            "order_id": f"kill-{number}",
            "currency": "USD",
            "total": "1.00",
            "lines": [{"product_id": "1", "quantity": 1, "amount": "1.00"}],
        },
    }


@pytest.mark.parametrize("engine", ["taskmanager of clean", "bridge"])
def test_a_killed_engine_loses_nothing(run: Demonstration, engine: str) -> None:
    deployment = run.story.deployment
    before = unify.view_totals(deployment)
    lines = [json.dumps(order(n, run.story._cards()[n % 5]) | {"event_id": f"{engine}-{n}"}) for n in range(200)]
    stream = straight.sender(deployment)

    produce(stream, lines[:100])
    os.kill(victim(engine).pid, signal.SIGKILL)
    produce(stream, lines[100:])

    until(
        f"all orders are counted after the {engine} was killed",
        lambda: unify.view_totals(deployment).orders,
        lambda seen: seen == before.orders + 200,
        seconds=240,
    )


def test_an_unreadable_change_goes_to_the_failure_queue_and_blocks_no_other(run: Demonstration) -> None:
    deployment = run.story.deployment
    listed = deployment.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    mapping = next(entry for entry in listed if entry["EventSourceArn"].endswith("profile-changes"))
    stream, kinesis = mapping["EventSourceArn"].rpartition("/")[2], deployment.client("kinesis")
    seen = {
        "kind": "event",
        "person_id": "p_BEHIND_POISON",
        "event_id": "behind-poison",
        "event_type": "page_viewed",
        "occurred_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "source": "web_events",
    }

    poison = kinesis.put_record(StreamName=stream, PartitionKey="p", Data=b"{")["SequenceNumber"]
    kinesis.put_record(StreamName=stream, PartitionKey="p", Data=json.dumps(seen).encode())

    until(
        "the change behind the poison is on the timeline",
        lambda: [item["event_id"] for item in deployment.items("EVENT#")],
        lambda events: "behind-poison" in events,
        seconds=60,
    )
    sqs, queue = deployment.client("sqs"), mapping["DestinationConfig"]["OnFailure"]["Destination"].rpartition(":")[2]
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    (message,) = until(
        "the place of the poison is in the failure queue",
        lambda: sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []),
        bool,
        seconds=60,
    )
    place = json.loads(message["Body"])["KinesisBatchInfo"]
    assert (place["startSequenceNumber"], place["batchSize"]) == (poison, 1)


def victim(engine: str) -> psutil.Process:
    wanted = "twin.bridge.bridge" if engine == "bridge" else "CleanApplication"
    home = str(HOME)
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        text = " ".join(words)
        if wanted in text and home in text and "guard.py" not in text and (engine == "bridge" or "java" in words[0]):
            return process
    raise AssertionError(f"no process of {engine} is running")


def test_everything_listens_on_loopback_only(run: Demonstration) -> None:
    family = psutil.Process(run.story.deployment.emulator.process.guard.pid)  # type: ignore[union-attr]
    listening = [
        connection
        for process in family.children(recursive=True)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]

    assert listening
    assert {c.laddr.ip for c in listening} <= {LOOPBACK, "::1", f"::ffff:{LOOPBACK}"}


def test_engines_unpack_what_they_need_inside_the_folder_of_the_run(run: Demonstration) -> None:
    running = run.story.deployment.emulator
    family = psutil.Process(running.process.guard.pid)  # type: ignore[union-attr]
    alive = [p.cmdline() for p in family.children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE]
    machines = [words for words in alive if words and Path(words[0]).name == "java"]

    assert machines
    wanted = f"-Djava.io.tmpdir={running.settings.home}"
    assert [words for words in machines if not any(word.startswith(wanted) for word in words)] == []


def test_deploying_again_changes_nothing(run: Demonstration) -> None:
    running = run.story.deployment.emulator
    said = emulator.deploy(running)

    assert said.count("(no changes)") == len(emulator.stacks_in(running.settings.environment))


def test_destroying_leaves_nothing(run: Demonstration) -> None:
    running = run.story.deployment.emulator
    emulator.destroy(running)

    names = [stack["StackName"] for stack in running.client("cloudformation").describe_stacks()["Stacks"]]
    assert names == ["CDKToolkit"]
    assert running.client("kinesis").list_streams()["StreamNames"] == []
    assert running.client("dynamodb").list_tables()["TableNames"] == []
    assert running.client("lambda").list_functions()["Functions"] == []
    assert running.client("glue").get_databases()["DatabaseList"] == []
    assert running.client("stepfunctions").list_state_machines()["stateMachines"] == []
    assert json.loads((Path(running.settings.home) / "stand-ins.json").read_text()) == []


def test_stopping_leaves_no_process(run: Demonstration) -> None:
    running = run.story.deployment.emulator
    assert running.process is not None
    family = psutil.Process(running.process.guard.pid).children(recursive=True)

    running.stop()
    time.sleep(1)

    assert [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
