"""A policy sees which namespace a request to write metrics names."""

import json

import cbor2
import pytest

from twin.patches.metric_namespaces import ACTION, with_namespace

ASKED = {"Namespace": "Customer360", "MetricData": [{"MetricName": "Rules & more", "Value": 1.5}]}
BODIES = {
    "json": json.dumps(ASKED).encode(),
    "cbor": cbor2.dumps(ASKED),
    "form": b"Action=PutMetricData&Version=2010-08-01&Namespace=Customer360&MetricData.member.1.MetricName=Rules",
}


def context_of(_service, _action, _body, _params):
    return {"aws:TagKeys": ["team"]}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_the_namespace_is_read_in_every_protocol(body):
    found = with_namespace(context_of)("monitoring", ACTION, body, {})
    assert found == {"aws:TagKeys": ["team"], "cloudwatch:namespace": "Customer360"}


def test_other_requests_are_left_alone():
    found = with_namespace(context_of)("monitoring", "cloudwatch:GetMetricData", BODIES["json"], {})
    assert found == {"aws:TagKeys": ["team"]}


def test_a_request_without_a_namespace_has_none():
    assert "cloudwatch:namespace" not in with_namespace(context_of)("monitoring", ACTION, b"{}", {})
