"""A hostile campaign against every door of a running twin, and the books of what became of each record.

What is sent comes from a stored seed. Every event must be found once: clean, as a duplicate, or in quarantine with a
reason; every row of a file is loaded or in quarantine; every profile change that cannot be read is in the writer's
dead-letter queue, and nothing else is in any; what a door refuses as a whole it refuses with the field and the fix.
"""

import base64
import gzip
import json
import os
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from random import Random
from typing import Any, Final
from urllib.parse import quote

import httpx
from confluent_kafka import Producer

from c360_core.contracts import load
from c360_core.names import Zone, database_name
from glue_jobs.ingest_files.landed_file import inspect, rows
from glue_jobs.ingest_files.refusal import RefusedFileError
from glue_jobs.ingest_files.row import UNREADABLE_ROW
from lambdas.profile_writer.logic import sort_batch
from tests.factories.hostile import change_text, damaged, event_text, literal, message_text
from tests.factories.hostile_files import hostile_files, pieces
from twin.batching import batched
from twin.principals import Principal, RoleSession
from twin.scenario.api import _sign
from twin.scenario.collect import signed
from twin.scenario.deployment import Deployment, files_of
from twin.scenario.waiting import until
from twin.settings import ACCOUNT

SEED: Final = 20_260_301
SIZE_VARIABLE: Final = "C360_CAMPAIGN_BODIES"
# How the bodies are shared out among the doors; what is left goes straight onto the events stream.
SHARES: Final[Mapping[str, float]] = {
    "collector": 0.4,
    "profile API": 0.15,
    "interactions": 0.05,
    "identity-changes": 0.05,
    "profile-changes": 0.05,
}
BODIES_PER_FILE: Final = 400  # a file holds some rows, and a run reads one after another
SETTLE_SECONDS: Final = 240.0
FAULTS_IN_LOGS: Final = re.compile(r"Traceback \(most recent|Task timed out|Runtime exited|OutOfMemory|UNEXPECTED")
FLINK_FAULTS: Final = re.compile(r"switched from \w+ to (?:FAILED|FAILING|RESTARTING)")
SOURCES: Final = ("web_events", "pos_transactions")
FILES: Final = "support_cases"
# What the gateway says itself, without asking a function.
GATEWAY: Final = ((HTTPStatus.NOT_FOUND, {"message": "Not Found"}), (HTTPStatus.FORBIDDEN, {"message": "Forbidden"}))


@dataclass(slots=True, kw_only=True)
class Books:
    """What was sent and what became of it.

    Attributes:
        bodies: by door.
        answers: of the two HTTP APIs, by door and status.
        unexplained: answers of 4xx that name no field or no fix.
        put: records put onto the events stream, by the campaign, and for it by the collector and the ingestion.
        lake: records of the events stream by where they ended.
        unify: what `unify` refused, by source.
        files: runs of the ingestion by their end.
        rows: of the files: received, loaded, rejected, and those of quarantine.
        set_aside: profile changes that cannot be read, and the positions in the writer's dead-letter queue.
    """

    bodies: Counter[str] = field(default_factory=Counter)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)
    put: int = 0
    lake: Counter[str] = field(default_factory=Counter)
    unify: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    set_aside: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def text(self) -> str:
        """The books, for people."""
        answers = ", ".join(f"{door} {status}: {count}" for (door, status), count in sorted(self.answers.items()))
        return "\n".join(
            (
                f"campaign: {sum(self.bodies.values())} bodies in {self.seconds:.0f} s: {dict(self.bodies)}",
                f"answers: {answers}",
                f"events stream: {self.put} records = {dict(self.lake)}",
                f"unify: {dict(self.unify)}; changes set aside: {dict(self.set_aside)}",
                f"runs of files: {dict(self.files)}; rows: {dict(self.rows)}",
            )
        )


class Campaign:
    """One campaign against one deployment."""

    def __init__(self, deployment: Deployment, *, bodies: int, seed: int = SEED) -> None:
        self.deployment = deployment
        self.bodies = bodies
        self.seed = seed
        self.random = Random(seed)
        self.books = Books()
        self._distinct: defaultdict[str, set[bytes]] = defaultdict(set)
        environment = deployment.emulator.settings.environment
        self._raw, self._quarantine = (database_name(environment, zone) for zone in (Zone.RAW, Zone.QUARANTINE))
        self._kinesis = deployment.client("kinesis")

    def run(self) -> Books:
        """Send everything, wait until nothing moves, and return the books."""
        began = time.monotonic()
        marks, before, unify_before = self._ends("EventsStreamName"), self._lake(), self._rejected_by_unify()
        shares = {door: int(self.bodies * share) for door, share in SHARES.items()}
        self._collect(shares["collector"])
        self._put("EventsStreamName", self.bodies - sum(shares.values()), self._event)
        self._ask(shares["profile API"])
        self._produce("InteractionsStreamName", shares["interactions"], self._interaction)
        self._put("IdentityChangesStreamName", shares["identity-changes"], self._identity_change)
        unreadable = self._change(shares["profile-changes"])
        self._land(max(4, self.bodies // BODIES_PER_FILE))
        self._settle(marks, before)
        # Nothing but `clean` writes what `unify` takes for an interaction: all of these are in quarantine, copies once.
        wrong = len(self._distinct["InteractionsStreamName"])
        self.books.unify = until(
            f"{wrong} records that are no interactions are in quarantine",
            lambda: self._rejected_by_unify() - unify_before,
            lambda seen: seen["interactions"] == wrong,
            seconds=SETTLE_SECONDS,
            pause=5.0,
        )
        self.books.set_aside = self._set_aside(unreadable)
        self.books.seconds = time.monotonic() - began
        return self.books

    def _event(self, random: Random) -> str:
        return random.choice((event_text, event_text, event_text, message_text, literal))(random)

    def _interaction(self, random: Random) -> str:
        """A record as only `clean` should write it, from somebody who has the right and makes a mistake."""
        return self._event(random)

    def _identity_change(self, random: Random) -> str:
        kind, operation = random.choice(("person", "identifier", "robot")), random.choice(("upsert", "delete", "shout"))
        known = {"kind": f'"{kind}"', "op": f'"{operation}"', "person_id": f'"p_{random.getrandbits(64):016x}"'}
        known |= {name: literal(random) for name in random.sample(("version", "key", "record_count", "op"), 2)}
        return "{" + ", ".join(f'"{name}": {value}' for name, value in known.items()) + "}"

    def _put(self, output: str, count: int, text: Any) -> dict[str, bytes]:
        """Put records straight onto a stream, as a mistaken producer with rights does; return them by position."""
        stream = self.deployment.outputs[output]
        put: dict[str, bytes] = {}
        for batch in batched(range(count), 200):
            records = [
                {"Data": damaged(text(self.random), self.random) or b"-", "PartitionKey": str(self.random.random())}
                for _ in batch
            ]
            answer = self._kinesis.put_records(StreamName=stream, Records=records)
            assert answer["FailedRecordCount"] == 0
            numbers = [str(entry["SequenceNumber"]) for entry in answer["Records"]]
            put.update(zip(numbers, (bytes(record["Data"]) for record in records), strict=True))
        self._distinct[output] |= set(put.values())
        self.books.bodies[stream] += count
        return put

    def _produce(self, output: str, count: int, text: Any) -> None:
        """Put records onto a stream that `clean` writes: Flink's streams are Kafka's topics here."""
        bridge = json.loads((self.deployment.emulator.settings.home / "bridge.json").read_text(encoding="utf-8"))
        producer, topic = Producer({"bootstrap.servers": bridge["bootstrap_servers"]}), self.deployment.outputs[output]
        bodies = [damaged(text(self.random), self.random) or b"-" for _ in range(count)]
        for body in bodies:
            producer.produce(topic, body, key=str(self.random.random()))
        assert producer.flush(SETTLE_SECONDS) == 0
        self._distinct[output] |= set(bodies)
        self.books.bodies[topic] += count

    def _change(self, count: int) -> set[str]:
        """Put profile changes onto their stream; return the positions of those that cannot be read."""
        put = self._put("ProfileChangesStreamName", count, change_text)
        return set(sort_batch(put.items()).unreadable)

    def _set_aside(self, unreadable: set[str]) -> Counter[str]:
        """Wait until the writer has set aside what cannot be read, and nothing else."""
        queue = self._queue("ProfileWriter", "Failed")
        found: set[str] = set()

        def observe() -> set[str]:
            found.update(
                position["startSequenceNumber"]
                for position in (letter["KinesisBatchInfo"] for letter in self._take(queue))
            )
            return found

        seen = until(
            f"{len(unreadable)} changes that cannot be read are set aside",
            observe,
            lambda seen: len(seen) >= len(unreadable),
            seconds=SETTLE_SECONDS,
            moving=True,
        )
        assert seen == unreadable
        return Counter({"unreadable": len(unreadable), "in the queue": len(seen)})

    def _queue(self, *parts: str) -> str:
        (url,) = (url for url in queues(self.deployment) if all(part in url for part in parts))
        return url

    def _take(self, queue: str) -> Iterator[dict[str, Any]]:
        sqs = self.deployment.client("sqs")
        while got := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in got:
                yield json.loads(message["Body"])
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])

    def _collect(self, count: int) -> None:
        url = self.deployment.url("CollectorUrl")
        credentials = {source: self.deployment.credentials(source) for source in SOURCES}
        with httpx.Client(timeout=60) as client:
            for _ in range(count):
                path, body = self._request_body()
                headers, query = self._login(body, credentials)
                if self.random.random() < 0.1:  # a share
                    headers["content-encoding"] = self.random.choice(("gzip", "br", "identity"))
                answer = client.post(f"{url}{path}", content=body, headers=headers, params=query)
                self._note("collector", answer)

    def _request_body(self) -> tuple[str, bytes]:
        random = self.random
        kind = random.randrange(10)
        if kind == 0:
            path, text = "/v1/batch", literal(random)
        elif kind < 4:  # a share
            path, text = (
                f"/v1/{random.choice(['track', 'identify', 'page', 't', 'i', 'p', 'moon'])}",
                message_text(random),
            )
        else:
            path, text = (
                "/v1/batch",
                f'{{"batch": [{", ".join(self._event(random) for _ in range(random.randrange(4)))}]}}',
            )
        body = damaged(text, random)
        return path, gzip.compress(body) if random.random() < 0.05 else body  # a share

    def _login(self, body: bytes, credentials: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
        """Sign in with a header, by Basic authorization, in the query, wrongly, or not at all."""
        random = self.random
        headers = signed(body, credentials[random.choice(SOURCES)])
        kind = random.randrange(12)
        key = headers["x-api-key"]
        if kind > 4:  # most sign in as they should
            return headers, {}
        del headers["x-api-key"]
        basic = base64.b64encode(f"{key}:".encode()).decode()
        return (
            (headers, {}),
            ({**headers, "x-api-key": "nobody's"}, {}),
            ({**headers, "authorization": f"Basic {basic}"}, {}),
            ({**headers, "authorization": "Basic %%%"[: random.randrange(7, 10)]}, {}),
            (headers, {"writeKey": key}),
        )[kind]

    def _ask(self, count: int) -> None:
        url = self.deployment.url("ProfileApiUrl")
        with httpx.Client(timeout=60) as client:
            for _ in range(count):
                piece = quote(json.loads(self._any_text()), safe="")
                path = self.random.choice(
                    (
                        f"/v1/customers/{piece or 'p_1'}",
                        "/v1/customers",
                        f"/v1/customers/p_1/{piece}",
                        f"/v1/customers/{piece or 'p_1'}/timeline",
                        f"/v1/customers/p_{self.random.getrandbits(64):016x}/consents/marketing/email",
                    )
                )
                query = {
                    self.random.choice(("email", "phone", "cursor", "limit", "parts")): json.loads(self._any_text())
                }
                method = "PUT" if "consents" in path else self.random.choice(("GET", "GET", "DELETE"))
                body = damaged(f'{{"granted": {literal(self.random)}}}', self.random) if method == "PUT" else b""
                request = client.build_request(method, f"{url}{path}", params=query, content=body)
                _sign(request, RoleSession.of_principal(ACCOUNT, Principal.APPLICATION))
                self._note("profile API", client.send(request))

    def _any_text(self) -> str:
        while True:
            found = literal(self.random)
            if found.startswith('"') and "\\ud" not in found:
                return found

    def _note(self, door: str, answer: httpx.Response) -> None:
        self.books.bodies[door] += 1
        self.books.answers[door, answer.status_code] += 1
        if not HTTPStatus.BAD_REQUEST <= answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return
        try:
            said = answer.json()
        except ValueError:
            said = {}
        explained = (said.get("field") and said.get("fix")) or said.get("results")
        if not explained and (answer.status_code, said) not in GATEWAY:
            self.books.unexplained.append(f"{answer.status_code} {answer.request.url}: {answer.text[:200]}")

    def _land(self, count: int) -> None:
        """Land files, wait until each was loaded or refused, and hold every row against what they say."""
        s3, landing = self.deployment.client("s3"), self.deployment.outputs["LandingBucketName"]
        before, rejected = files_of(self.deployment.ingestions()), self._rejected_of_files()
        files = {
            f"{FILES}/hostile-{self.seed}-{number:04}.csv": content
            for number, content in enumerate(hostile_files(self.random, count))
        }
        for key, content in files.items():
            s3.put_object(Bucket=landing, Key=key, Body=content)
        ended = self.deployment.wait_for_files(before + count, seconds=SETTLE_SECONDS + 30 * count)
        self.books.bodies["files"] += count
        self.books.files.update(run["status"] for run in ended)
        results = dict(self._results())
        expected = {f"s3://{landing}/{key}": rows_of(content) for key, content in files.items()}
        refused = [file for file, rows in expected.items() if rows is None]
        # A file that lacks the rows that its contract asks for is refused, and has a result that says so.
        assert {file: counts["received"] for file, counts in results.items() if file in expected} == {
            file: rows for file, rows in expected.items() if rows is not None
        }
        for counts in results.values():
            self.books.rows.update(counts)
        empty = sum(rows == 0 for rows in expected.values())
        self.books.rows["files refused"] = len(refused) + empty
        self.books.rows["in quarantine"] = self._rejected_of_files() - rejected

    def _results(self) -> Iterator[tuple[str, Mapping[str, int]]]:
        """Yield what the ingestion says of each file that it could read: its address and its rows."""
        s3, bucket = self.deployment.client("s3"), self.deployment.outputs["ResultsBucketName"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"data-quality/{FILES}/"):
            for item in page.get("Contents", []):
                result = json.loads(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read())
                yield result["file"], result["rows"]

    def _rejected_of_files(self) -> int:
        where = f"source = '{FILES}' AND run_id <> 'unify' AND rejected_id NOT LIKE 'r\\_%' ESCAPE '\\'"
        return self.deployment.count(f"{self._quarantine}.rejected", where)

    def _ends(self, output: str) -> dict[str, str]:
        """Return the sequence number of the last record of each shard; empty where there is none."""
        return {shard: (records[-1] if records else "") for shard, records in self._records(output, {}).items()}

    def _records(self, output: str, marks: Mapping[str, str]) -> dict[str, list[str]]:
        """Return the sequence numbers of the records behind some marks, by shard."""
        stream = self.deployment.outputs[output]
        found: dict[str, list[str]] = {}
        for shard in self._kinesis.list_shards(StreamName=stream)["Shards"]:
            name = shard["ShardId"]
            after = {"StartingSequenceNumber": marks[name]} if marks.get(name) else {}
            kind = "AFTER_SEQUENCE_NUMBER" if after else "TRIM_HORIZON"
            iterator = self._kinesis.get_shard_iterator(
                StreamName=stream, ShardId=name, ShardIteratorType=kind, **after
            )
            found[name] = list(self._numbers(iterator["ShardIterator"]))
        return found

    def _numbers(self, iterator: str) -> Iterator[str]:
        while True:
            answer = self._kinesis.get_records(ShardIterator=iterator, Limit=10_000)
            yield from (record["SequenceNumber"] for record in answer["Records"])
            if not answer["Records"]:
                return
            iterator = answer["NextShardIterator"]

    def _lake(self) -> Counter[str]:
        counted = {
            "clean": self.deployment.count(f"{self._raw}.interactions"),
            "duplicates": self.deployment.count(f"{self._raw}.duplicates"),
            "rejected": self.deployment.count(f"{self._quarantine}.rejected", "rejected_id LIKE 'r\\_%' ESCAPE '\\'"),
        }
        return Counter(counted)

    def _rejected_by_unify(self) -> Counter[str]:
        rows = self.deployment.query(
            f"SELECT source, count(*) FROM {self._quarantine}.rejected WHERE run_id = 'unify' GROUP BY 1"
        )
        return Counter({str(source): int(str(count)) for source, count in rows})

    def _settle(self, marks: Mapping[str, str], before: Counter[str]) -> None:
        """Wait until every record of the events stream is in the lake: the sum is exact or the campaign fails."""

        def observe() -> tuple[int, Counter[str]]:
            grown = self._lake()
            grown.subtract(before)
            return sum(map(len, self._records("EventsStreamName", marks).values())), grown

        self.books.put, self.books.lake = until(
            "every record of the events stream is in the lake",
            observe,
            lambda seen: seen[0] == sum(seen[1].values()),
            seconds=SETTLE_SECONDS,
            pause=5.0,
            moving=True,
        )


def rows_of(content: bytes) -> int | None:
    """Return how many rows a file has, or None where it is refused before they count."""
    source = load().source(FILES)
    assert source.table is not None
    try:
        inspect(pieces(content), source.table, source.file_format)
    except RefusedFileError:
        return None
    found = list(rows(pieces(content), source.table, source.file_format))
    return None if any(row.number == UNREADABLE_ROW for row in found) else len(found)


def queues(deployment: Deployment) -> list[str]:
    """Return the addresses of all dead-letter queues."""
    found = deployment.client("sqs").list_queues().get("QueueUrls", [])
    return [url for url in found if "Failed" in url or "Undelivered" in url]


def dead_letters(deployment: Deployment) -> dict[str, int]:
    """Return how many messages lie in the dead-letter queues that are not empty."""
    names, sqs = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"], deployment.client("sqs")
    held = {
        url: sum(map(int, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))
        for url in queues(deployment)
    }
    return {url: count for url, count in held.items() if count}


def faults_in_logs(deployment: Deployment, since_ms: int) -> list[str]:
    """Return what functions said since a moment that nobody foresaw."""
    logs = deployment.client("logs")
    groups = [g["logGroupName"] for p in logs.get_paginator("describe_log_groups").paginate() for g in p["logGroups"]]
    found = []
    for group in groups:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since_ms)
        messages = (event["message"] for page in pages for event in page["events"])
        found += [f"{group}: {message[:600]}" for message in messages if FAULTS_IN_LOGS.search(message)]
    return found


def restarts(deployment: Deployment) -> int:
    """Return how often a Flink application failed so far, in its process or with it."""
    home = deployment.emulator.settings.home
    logs = [path.read_text(encoding="utf-8", errors="replace") for path in home.rglob("flink.log")]
    return sum(len(FLINK_FAULTS.findall(log)) for log in logs) + len(logs)


def held_up(deployment: Deployment) -> Sequence[str]:
    """Return the readers of streams that do not get on: a change behind the campaign must get through."""
    kinesis, stream = deployment.client("kinesis"), deployment.outputs["ProfileChangesStreamName"]
    behind = f"behind-{time.time_ns()}"
    change = {
        "kind": "event",
        "person_id": "p_BEHIND_THE_CAMPAIGN",
        "event_id": behind,
        "event_type": "page_viewed",
        "occurred_at": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
        "source": "web_events",
    }
    kinesis.put_record(StreamName=stream, PartitionKey="p", Data=json.dumps(change).encode())
    seen = until(
        "a change behind the campaign is on the timeline",
        lambda: [item["event_id"] for item in deployment.items("EVENT#", "event_id")],
        lambda events: behind in events,
        seconds=SETTLE_SECONDS,
        pause=2.0,
    )
    return [] if behind in seen else [stream]


def size(bodies: int) -> int:
    """Return how many bodies a campaign has: those asked for in the environment, else the usual number."""
    return int(os.environ.get(SIZE_VARIABLE, bodies))


def fight(deployment: Deployment, *, bodies: int, since: float, seed: int = SEED) -> None:
    """Run a campaign and hold everything that must be so afterwards; print the books."""
    failed = restarts(deployment)
    books = Campaign(deployment, bodies=bodies, seed=seed).run()
    print(books.text())  # noqa: T201  # the numbers are the point
    assert books.unexplained == []
    assert [answer for answer in books.answers if answer[1] >= HTTPStatus.INTERNAL_SERVER_ERROR] == []
    assert books.put == sum(books.lake.values())
    assert min(books.lake["clean"], books.lake["rejected"]) > 0
    assert set(books.files) == {"SUCCEEDED"}
    assert books.rows["received"] == books.rows["loaded"] + books.rows["rejected"]
    assert books.rows["in quarantine"] == books.rows["rejected"] + books.rows["files refused"]
    assert dead_letters(deployment) == {}
    assert held_up(deployment) == []
    assert restarts(deployment) == failed
    assert faults_in_logs(deployment, int(since * 1000)) == []
