"""The benchmarks' figures: how a comparison is measured, handed over, and shown."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.report import Comparison, Detail, UnreadableReportError, read, spread, take_turns
from tools.console import Steps
from tools.environments.bootstrap import requirements_of
from tools.suites import benches
from twin.processes.process import ProcessFailedError
from twin.settings import ROOT

FASTER = Comparison(name="ours / theirs", ours_seconds=0.5, peer_seconds=2.0, details={"repetitions": 5})


def text_of(table: object) -> str:
    written = StringIO()
    Console(file=written, width=200, color_system=None).print(table)
    return written.getvalue()


def test_a_ratio_is_our_time_over_the_peers() -> None:
    assert FASTER.ratio == 0.25


def test_a_comparison_is_read_back_from_the_line_it_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    FASTER.write()

    assert read(capsys.readouterr().out) == FASTER


def test_the_line_has_the_agreed_fields() -> None:
    line = json.loads(json.dumps(FASTER.as_dict()))

    assert line == {"name": "ours / theirs", "ours_seconds": 0.5, "peer_seconds": 2.0, "ratio": 0.25, "repetitions": 5}


def test_output_around_the_line_is_ignored() -> None:
    metrics = '{"_aws": {"Timestamp": 1}}'
    output = "\n".join([metrics, json.dumps(FASTER.as_dict()), metrics, "{not json", "bye"])

    assert read(output) == FASTER


def test_the_last_of_several_lines_counts() -> None:
    earlier = Comparison(name="ours / theirs", ours_seconds=9.0, peer_seconds=1.0)

    assert read("\n".join(json.dumps(one.as_dict()) for one in (earlier, FASTER))) == FASTER


def test_output_without_the_line_is_refused_with_what_is_missing() -> None:
    with pytest.raises(UnreadableReportError, match="ours_seconds, peer_seconds, ratio"):
        read('{"name": "half a line"}\n')


@pytest.mark.parametrize("seconds", [0, -1.0, "fast", None])
def test_an_invalid_time_is_refused_by_name(seconds: object) -> None:
    line = json.dumps({**FASTER.as_dict(), "peer_seconds": seconds})

    with pytest.raises(UnreadableReportError, match="peer_seconds"):
        read(line)


def test_both_take_turns_and_every_second_round_the_peer_goes_first() -> None:
    calls: list[str] = []

    take_turns(lambda: calls.append("ours"), lambda: calls.append("peer"), repetitions=3)

    assert calls == ["ours", "peer", "peer", "ours", "ours", "peer"]


def test_each_side_keeps_its_own_times(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("benchmarks.report.time.perf_counter", lambda: clock[0])

    def takes(seconds: float) -> None:
        clock[0] += seconds

    assert take_turns(lambda: takes(3.0), lambda: takes(0.5), repetitions=3) == ([3.0] * 3, [0.5] * 3)


def test_spread_is_the_range_in_relation_to_the_median() -> None:
    assert spread([2.0, 4.0, 5.0]) == 0.75


@pytest.mark.parametrize(
    ("seconds", "shown"), [(21.19, "21.19 s"), (0.5, "0.50 s"), (0.0107, "10.70 ms"), (0.00002, "0.02 ms")]
)
def test_short_times_are_shown_in_milliseconds(seconds: float, shown: str) -> None:
    assert benches.duration(seconds) == shown


@pytest.mark.parametrize(("ratio", "shown"), [(13.304, "13.3×"), (1.868, "1.87×"), (0.01234, "0.0123×")])
def test_ratios_keep_three_digits(ratio: float, shown: str) -> None:
    assert benches.times(ratio) == shown


def test_details_of_both_sides_are_shown_side_by_side() -> None:
    details: dict[str, Detail] = {
        "ours_megabytes": 12.0,
        "repetitions": 5,
        "peer_megabytes": 340.0,
        "peer_threshold": "0.999",
    }
    one = Comparison(name="a / b", ours_seconds=1.0, peer_seconds=2.0, details=details)

    assert benches.more(one).splitlines() == ["megabytes 12 | 340", "repetitions 5", "peer threshold 0.999"]


def test_the_table_has_a_row_for_each_comparison() -> None:
    other = Comparison(name="synth / import", ours_seconds=20.0, peer_seconds=2.0)
    shown = text_of(benches.table([FASTER, other]))

    assert "ours / theirs" in shown
    assert "0.250×" in shown
    assert "10.0×" in shown


def test_every_benchmark_is_there_and_its_environment_is_locked() -> None:
    chosen = benches.benches(Path("shoppers"))

    modules = ["synth", "profile_api", "matching", "clean", "clean_growth", "marts"]
    assert [bench.module for bench in chosen] == modules
    for bench in chosen:
        assert (ROOT / "benchmarks" / f"{bench.module}.py").is_file()
        assert requirements_of(bench.environment).is_file()


def test_the_matching_gets_the_shoppers() -> None:
    command = benches.benches(Path("shoppers"))[2].command

    assert command[1:] == ("-m", "benchmarks.matching", "--shoppers", "shoppers")


def test_a_failed_benchmark_is_named_after_the_others_have_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def execute(bench: benches.Bench) -> Comparison:
        if bench.module == "first":
            raise ProcessFailedError("ended with status 3")
        return FASTER

    monkeypatch.setattr(benches, "execute", execute)
    chosen = [benches.Bench(module=name, environment="twin") for name in ("first", "second")]

    with pytest.raises(benches.BenchesFailedError, match="first: ended with status 3"):
        benches.measure(Steps(), chosen)

    assert "ours / theirs" in capsys.readouterr().out


def test_a_benchmark_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(benches, "LOGS", tmp_path)

    with pytest.raises(ProcessFailedError, match="No module named"):
        benches.execute(benches.Bench(module="no_such_benchmark", environment="twin"))


def test_a_benchmark_that_ends_without_figures_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(benches, "LOGS", tmp_path)

    with pytest.raises(UnreadableReportError):
        benches.execute(benches.Bench(module="report", environment="twin"))


def test_a_benchmark_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(benches, "LOGS", tmp_path)

    class Endless(benches.Bench):
        __slots__ = ()

        @property
        def command(self) -> tuple[str, ...]:
            return ("sleep", "60")

    with pytest.raises(ProcessFailedError, match="not ready after"):
        benches.execute(Endless(module="endless", environment="twin"), seconds=0.3)
