"""What a container of SageMaker is here: a process with the container's folders, arguments and variables.

SageMaker gives a container the folder `/opt/ml`. Here each job has a folder of its own, and where the entry point, the
arguments or the variables name `/opt/ml`, they name that. `python3` is the interpreter of the twin, which has what the
image has. A container without a network gets no credentials either.
"""

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from twin.emulator.calls import Call
from twin.settings import ACCOUNT, REGION

ROOT: Final = "/opt/ml"
_SAID: Final = 2_000  # characters of what a container said last
_ENCRYPTED: Final = "aws:kms"


class JobFailedError(RuntimeError):
    """A job that failed; the message is what SageMaker shows as the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container.

    Attributes:
        folder: of the job; what the container has under `/opt/ml` is below it.
        log: takes what the container says.
    """

    folder: Path
    log: Path

    def path(self, inside: str) -> Path:
        """Return where a path of the container is."""
        return Path(self._here(inside))

    def run(self, command: Sequence[str], variables: Mapping[str, str], *, at: Path | None = None) -> None:
        """Run a command to its end.

        Raises:
            JobFailedError: it ended with another status than 0; the message has what it said last.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            done = subprocess.run(
                [self._here(word) for word in command],
                cwd=at or self.folder,
                env=self._environment(variables),
                stdout=log,
                stderr=log,
                check=False,
            )
        if done.returncode != 0:
            raise JobFailedError(self._said(done.returncode))

    def _here(self, text: str) -> str:
        return text.replace(ROOT, str(self.folder / ROOT.lstrip("/")))

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        # The folder's own `python3` comes first, as in the image: a virtual environment finds its libraries by it.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        own = {name: self._here(value) for name, value in variables.items()}
        return {"PATH": path, "HOME": str(self.folder), "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", **own}

    def _said(self, status: int) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        told = next((line for line in reversed(lines) if line.startswith("error:")), "\n".join(lines)[-_SAID:])
        return f"AlgorithmError: {told} (exit code {status})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """S3, with the role of a job.

    Attributes:
        s3: a client.
    """

    s3: Any

    def fetch(self, place: str, folder: Path) -> list[Path]:
        """Copy what lies under a place into a folder, as SageMaker does with a prefix; return the files.

        Raises:
            JobFailedError: nothing lies there.
        """
        bucket, prefix = parts(place)
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [one["Key"] for page in pages for one in page.get("Contents", ()) if not one["Key"].endswith("/")]
        if not keys:
            raise JobFailedError(f"ClientError: no S3 objects found under S3 URL {place}")
        return [self._fetch(bucket, key, folder / _inside(key, prefix)) for key in keys]

    def send(self, folder: Path, place: str, key_id: str | None) -> None:
        """Copy the files of a folder to a place, under a key."""
        bucket, prefix = parts(place)
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            self.send_file(path, bucket, f"{prefix.rstrip('/')}/{path.relative_to(folder).as_posix()}", key_id)

    def send_file(self, path: Path, bucket: str, key: str, key_id: str | None) -> None:
        """Copy one file."""
        under = {"ServerSideEncryption": _ENCRYPTED, "SSEKMSKeyId": key_id} if key_id else {}
        self.s3.upload_file(str(path), bucket, key, ExtraArgs=under)

    def read(self, place: str) -> bytes:
        """Return the content of one object."""
        bucket, key = parts(place)
        content: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    def _fetch(self, bucket: str, key: str, target: Path) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        self.s3.download_file(bucket, key, str(target))
        return target


def parts(place: str) -> tuple[str, str]:
    """Return the bucket and the key of a place in S3."""
    bucket, _, key = place.removeprefix("s3://").partition("/")
    return bucket, key


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "r:gz") as opened:
        opened.extractall(folder, filter="data")


def pack(folder: Path, archive: Path) -> None:
    """Pack the files of a folder."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz") as opened:
        for path in sorted(folder.iterdir()):
            opened.add(path, arcname=path.name)


def image_calls(image: str) -> Iterator[Call]:
    """Yield what SageMaker does with the role of a job to get its image."""
    host, _, named = image.partition("/")
    account, region = host.split(".")[0], host.split(".")[3]
    repository = f"arn:aws:ecr:{region}:{account}:repository/{named.partition(':')[0]}"
    yield Call(action="ecr:GetAuthorizationToken")
    for action in ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer"):
        yield Call(action=f"ecr:{action}", resource=repository)


def log_calls(group: str, name: str) -> Iterator[Call]:
    """Yield how SageMaker writes the log of a job with its role."""
    logs = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/sagemaker/{group}"
    yield Call(action="logs:CreateLogGroup", resource=logs)
    for action in ("CreateLogStream", "PutLogEvents"):
        yield Call(action=f"logs:{action}", resource=f"{logs}:log-stream:{name}/algo-1")


def disk_calls(key_id: str | None) -> Iterator[Call]:
    """Yield what encrypts the disk of a job, with the role of the job and of whoever starts it."""
    context = {"kms:ViaService": f"sagemaker.{REGION}.amazonaws.com", "kms:CallerAccount": ACCOUNT}
    for action in ("CreateGrant", "DescribeKey") if key_id else ():
        yield Call(action=f"kms:{action}", resource=str(key_id), context=context)


def _inside(key: str, prefix: str) -> str:
    """Return where a file lies below the folder of its input: an object that is named whole lies there itself."""
    rest = key.removeprefix(prefix).lstrip("/")
    return rest or key.rpartition("/")[2]
