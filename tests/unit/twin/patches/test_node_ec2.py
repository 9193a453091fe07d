"""Functions in Node.js reach the emulator's EC2."""

import pytest
from ministack.core import lambda_runtime

from twin.patches import node_ec2
from twin.settings import TwinSettings

SCRIPT = "(function () {\n  const _SPECIFIC_STUBS = {\n    first: 1,\n  };\n}());\n"


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch, tmp_path):
    def install(script: str) -> str:
        monkeypatch.setattr(lambda_runtime, "_NODEJS_WORKER_SCRIPT", script)
        node_ec2.install(TwinSettings(home=tmp_path, port=1))
        return lambda_runtime._NODEJS_WORKER_SCRIPT

    return install


def test_the_client_is_registered_beside_the_others(runtime) -> None:
    script = runtime(SCRIPT)
    assert script.index("function _makeEc2ClientModule()") < script.index("const _SPECIFIC_STUBS")
    assert '"@aws-sdk/client-ec2": _makeEc2ClientModule(),\n    first: 1,' in script
    assert runtime(script) == script


def test_the_emulators_own_runtime_takes_it(runtime) -> None:
    assert node_ec2.REGISTERED in runtime(lambda_runtime._NODEJS_WORKER_SCRIPT)


def test_a_runtime_that_changed_is_reported(runtime) -> None:
    with pytest.raises(RuntimeError, match="runtime changed"):
        runtime("// nothing here\n")
