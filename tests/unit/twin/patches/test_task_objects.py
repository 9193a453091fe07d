"""A task of a state machine reads an object; every other task is performed as before."""

from collections.abc import Mapping
from typing import Any

import pytest

from twin.patches.task_objects import reading

KEPT = {"/reports/churn/drift%20of%20may.json": b'{"psi": 0.1}'}


class TaskError(Exception):
    """The error of a task."""


def get(path: str) -> tuple[int, Mapping[str, str], bytes]:
    return (200, {}, KEPT[path]) if path in KEPT else (404, {}, b"<Error/>")


def other(*given: Any) -> Any:
    return given


task = reading(other, get, TaskError)


def test_an_object_is_read_with_its_length() -> None:
    read = task({}, "s3", "getObject", {"Bucket": "reports", "Key": "churn/drift of may.json"})
    assert read == {"Body": '{"psi": 0.1}', "ContentLength": 12}


def test_a_missing_object_is_the_error_that_aws_names() -> None:
    with pytest.raises(TaskError) as raised:
        task({}, "s3", "getObject", {"Bucket": "reports", "Key": "nothing"})
    assert raised.value.args[0] == "S3.NoSuchKeyException"


def test_other_tasks_are_performed_as_before() -> None:
    assert task({}, "s3", "headObject", {"Bucket": "b"}) == ({}, "s3", "headObject", {"Bucket": "b"})
    assert task({}, "glue", "getObject", {}) == ({}, "glue", "getObject", {})
