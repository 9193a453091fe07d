"""Invented customers, divided, and a model of each kind, made once."""

from dataclasses import replace

import pytest

from c360_ml.prepare import TRAIN, VALIDATION, Limits, prepare
from c360_ml.targets import TARGETS
from c360_ml.train import Settings, train
from tests.factories import churn_rows

SETTINGS = Settings(seed=7, rounds=60, patience=10, depth=3, learning_rate=0.1, least_child_weight=5, threads=1)
LIMITS = Limits(people=50, of_a_class=5, leak=0.98)


@pytest.fixture(scope="session")
def known():
    return churn_rows.orders(400)


@pytest.fixture(scope="session")
def rows(known):
    return churn_rows.rows(known)


def divided(rows, target="churn", **changed):
    return prepare(rows, TARGETS[target], window=3, limits=replace(LIMITS, **changed))


def trained(prepared, **changed):
    parts = {name: prepared.parts[name] for name in (TRAIN, VALIDATION)}
    return train(parts, prepared.as_dict(), prepared.target, replace(SETTINGS, **changed))


def with_parts(prepared, parts):
    return replace(prepared, parts=parts)


@pytest.fixture(scope="session", params=("churn", "value"))
def prepared(request, rows):
    return divided(rows, request.param)


@pytest.fixture(scope="session")
def model(prepared):
    return trained(prepared)
