"""Send events and files in, by the three ways that a source may use: HTTP, straight to the stream, and files."""

import base64
import hmac
import json
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from c360_aws.stream_writer import Sender, StreamRecord
from twin.batching import batched
from twin.scenario.deployment import Credentials

BATCH: Final = 500
ATTEMPTS: Final = 50
PAUSE_SECONDS: Final = 0.1
LANES: Final = 2
TIMEOUT_SECONDS: Final = 60.0
HTTP_OK: Final = (200, 207)


class CollectorRefusedError(RuntimeError):
    """The collector refused a whole request; the message quotes its answer."""


class StreamRefusedError(RuntimeError):
    """A stream refused records; the message quotes the reasons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The collector's verdicts on the events of some requests.

    Attributes:
        accepted: events that it found in order.
        rejected: refused events, by reason code.
    """

    accepted: int
    rejected: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorClient:
    """The collector API as a sending system sees it.

    Attributes:
        url: its address, without a trailing slash.
        credentials: the credentials of each source.
    """

    url: str
    credentials: Mapping[str, Credentials]

    def send(self, source: str, lines: Iterable[str]) -> Collected:
        """Post events (one JSON text each) in batches; one customer's events stay in order.

        Raises:
            CollectorRefusedError: a request was answered with anything but per-event results.
        """
        lanes: list[list[str]] = [[] for _ in range(LANES)]
        for line in lines:
            lanes[zlib.crc32(partition_hint(line).encode()) % LANES].append(line)
        with ThreadPoolExecutor(max_workers=LANES) as pool:
            results = list(pool.map(lambda lane: self._send_lane(source, lane), lanes))
        rejected: Counter[str] = Counter()
        for result in results:
            rejected.update(result.rejected)
        return Collected(accepted=sum(r.accepted for r in results), rejected=dict(rejected))

    def _send_lane(self, source: str, lines: list[str]) -> Collected:
        accepted, rejected = 0, Counter[str]()
        with httpx.Client(timeout=TIMEOUT_SECONDS) as client:
            for batch in batched(lines, BATCH):
                body = ('{"batch":[' + ",".join(batch) + "]}").encode()
                headers = {"content-type": "application/json", **signed(body, self.credentials[source])}
                answer = client.post(f"{self.url}/v1/batch", content=body, headers=headers)
                if answer.status_code not in HTTP_OK:
                    raise CollectorRefusedError(f"{answer.status_code} for {len(batch)} events: {answer.text[:500]}")
                for result in answer.json()["results"]:
                    if result["status"] == "accepted":
                        accepted += 1
                    else:
                        rejected[result["code"]] += 1
        return Collected(accepted=accepted, rejected=dict(rejected))


def signed(body: bytes, credentials: Credentials) -> dict[str, str]:
    """Return the headers that say who sends: the key, and the signature of a source that signs."""
    headers = {"x-api-key": credentials.key}
    if credentials.signing_secret is not None:
        headers["x-c360-signature"] = f"sha256={hmac.digest(credentials.signing_secret, body, 'sha256').hex()}"
    return headers


def produce(sender: Sender, lines: Iterable[str]) -> int:
    """Put events straight on a stream, as a till system does; return how many.

    One customer's events have one partition key and so stay in order.

    Raises:
        StreamRefusedError: the stream refuses records, now or for good.
    """
    sent = 0
    for batch in batched(lines, BATCH):
        records = [StreamRecord(key=partition_hint(line), data=line.encode()) for line in batch]
        for _ in range(ATTEMPTS):
            codes = sender.send(records)
            refused = [record for record, code in zip(records, codes, strict=True) if code]
            sent += len(records) - len(refused)
            if not refused:
                break
            records = refused
            if lasting := sender.permanent.intersection(codes):
                raise StreamRefusedError(f"{sender.stream} refused {len(refused)} records: {', '.join(lasting)}")
            time.sleep(PAUSE_SECONDS)
        else:
            raise StreamRefusedError(f"{sender.stream} keeps refusing {len(records)} records")
    return sent


def land(s3: Any, bucket: str, path: Path, *, key: str) -> None:
    """Put a file where its source puts it: under one key prefix for each source."""
    s3.upload_file(str(path), bucket, key)


def partition_hint(line: str) -> str:
    """Return what keeps one sender's events together: its first identifier, or the text itself when it has none."""
    try:
        identifiers = json.loads(line).get("identifiers", {})
        values = next(iter(identifiers.values()))
        return str(values[0])[:256]
    except (ValueError, AttributeError, StopIteration, TypeError, IndexError, KeyError):
        return base64.b32encode(zlib.crc32(line.encode()).to_bytes(4, "big")).decode("ascii")
