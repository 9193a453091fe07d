"""Code sets only what Managed Flink lets it set."""

import pytest

from flink_apps.shared.configuration import ALLOWED_OPTIONS, OptionNotAllowedError, set_options, standard_options


class FakeEnvironment:
    def __init__(self):
        self.options = {}

    def get_config(self):
        return self

    def set(self, key, value):
        self.options[key] = value


def test_allowed_options_are_set():
    environment = FakeEnvironment()
    set_options(environment, {"table.exec.state.ttl": "24 h", "table.exec.mini-batch.enabled": "true"})
    assert environment.options == {"table.exec.state.ttl": "24 h", "table.exec.mini-batch.enabled": "true"}


@pytest.mark.parametrize(
    "refused",
    [
        "execution.checkpointing.interval",
        "execution.checkpointing.dir",
        "state.backend.type",
        "restart-strategy.type",
        "parallelism.default",
        "python.executable",
        "python.fn-execution.bundle.size",
    ],
)
def test_an_option_of_the_service_is_refused_and_nothing_is_set(refused):
    environment = FakeEnvironment()
    with pytest.raises(OptionNotAllowedError, match=refused):
        set_options(environment, {"pipeline.name": "clean", refused: "x"})
    assert environment.options == {}


def test_the_standard_options_are_all_allowed():
    options = standard_options(name="clean", state_ttl="24 h")
    assert set(options) <= ALLOWED_OPTIONS
    assert options["table.exec.state.ttl"] == "24 h"
    assert options["table.local-time-zone"] == "UTC"
