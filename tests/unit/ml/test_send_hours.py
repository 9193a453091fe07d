"""Hours to send at: found where people have them, else those of everybody, and none where hours tell nothing."""

import json
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_ml import rows, send_hours
from c360_ml.errors import InputError
from c360_ml.hour_trial import Rules
from c360_ml.hours import HOURS, Counts, learn, near, shrunk, strength
from c360_ml.send_hours import Limits, local, run
from tests.factories import message_rows

LIMITS = Limits(answer=pd.Timedelta(hours=3), held_out=0.25, messages=100, answers=10)
RULES = Rules(least=20, times=100, seed=7)
PEOPLE = 120
EACH = 120


@pytest.fixture(scope="module")
def messages():
    return message_rows.messages(PEOPLE, EACH)


@pytest.fixture(scope="module")
def learned(messages):
    return run(messages, LIMITS, RULES)


def one_person(sent, answered):
    return Counts(people=("p",), sent=np.array([sent], dtype=float), answered=np.array([answered], dtype=float))


def test_each_person_gets_the_hour_in_which_they_read_most(learned):
    found = learned.scores.set_index("person_id")["score"]
    away = [abs(int(found[f"p{number:04}"]) - message_rows.hour_of(number)) for number in range(PEOPLE)]
    assert np.mean(np.array(away) <= 1) > 0.9


def test_the_trial_tells_that_own_hours_are_better_than_those_of_everybody(learned):
    told = learned.evaluation
    assert told["verdict"]["approved"] is True
    assert told["loss"]["skill"] > 0
    assert told["gains"]["hours_of_everybody"]["low"] > 0
    lifts = {name: one["lift"]["value"] for name, one in told["chosen"].items()}
    assert lifts["own_hours"] > lifts["hour_of_everybody"] > lifts["hour_of_last_answer"] > 1
    json.dumps(told, allow_nan=False)


def test_what_comes_later_is_not_known_to_the_trial(messages):
    held_out = messages["sent_at"].sort_values().iloc[int(len(messages) * 0.75)]
    later = messages["sent_at"] >= held_out
    changed = messages.assign(answered_at=messages["answered_at"].where(~later))
    with pytest.raises(InputError, match="the later part has 3600 messages with 0 answers"):
        run(changed, LIMITS, RULES)
    one, other = (run(frame, LIMITS, RULES).evaluation for frame in (messages, _turned(messages, later)))
    assert one["strengths"] == other["strengths"]
    assert one["loss"] != other["loss"]


def _turned(messages, later):
    """Answer what was not answered, and the other way round."""
    other = (messages["sent_at"] + pd.Timedelta(minutes=9)).where(messages["answered_at"].isna())
    return messages.assign(answered_at=messages["answered_at"].where(~later, other))


def test_hours_that_tell_nothing_are_not_approved():
    told = run(message_rows.messages(60, 60, tells=False), LIMITS, RULES).evaluation
    assert told["verdict"]["approved"] is False
    assert "may be chance" in told["verdict"]["reasons"][0]


def test_whoever_got_little_has_the_hours_of_everybody(messages):
    stranger = messages.iloc[[0]].assign(person_id="q", sent_at=pd.Timestamp("2025-07-01 14:00"), time_zone="UTC")
    stranger["answered_at"] = stranger["sent_at"] + pd.Timedelta(minutes=5)
    found = run(pd.concat([messages, stranger]), LIMITS, RULES).scores.set_index("person_id")["score"]
    assert abs(int(found["q"]) - message_rows.USUAL) <= 1


def test_whoever_answers_much_does_not_seem_to_like_the_hours_of_their_messages(messages):
    """All of the messages came at 10, and all were answered: that is the person, and not the hour."""
    at = [pd.Timestamp(f"2025-07-{day:02} 10:15") for day in range(1, 5)]
    eager = pd.DataFrame({"person_id": "q", "sent_at": at, "time_zone": "UTC"})
    eager["answered_at"] = eager["sent_at"] + pd.Timedelta(minutes=5)
    found = run(pd.concat([messages, eager]), LIMITS, RULES).scores.set_index("person_id")["score"]
    assert abs(int(found["q"]) - message_rows.USUAL) <= 1


def test_an_hour_in_which_nobody_gets_messages_is_never_chosen(learned):
    assert learned.scores["score"].between(8, 20).all()


def test_an_answer_of_the_next_morning_is_none_to_the_hour(messages):
    late = messages.assign(answered_at=messages["answered_at"] + pd.Timedelta(hours=9))
    assert not local(late, LIMITS)["answered"].any()


def test_the_order_of_the_messages_does_not_matter(messages, learned):
    again = run(messages.sample(frac=1, random_state=3), LIMITS, RULES)
    assert again.evaluation == learned.evaluation
    pd.testing.assert_frame_equal(again.scores, learned.scores)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.datetimes(pd.Timestamp("2024-01-01"), pd.Timestamp("2028-01-01")),
            st.sampled_from(("America/New_York", "Australia/Lord_Howe", "Antarctica/Troll", "Asia/Kathmandu", "UTC")),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_hours_are_those_that_clocks_show_where_the_person_lives(sent):
    frame = pd.DataFrame(
        {
            "person_id": [f"p{place:02}" for place in range(len(sent))],
            "sent_at": [at for at, _ in sent],
            "answered_at": pd.NaT,
            "time_zone": [zone for _, zone in sent],
        }
    )
    found = local(frame, LIMITS).set_index("person_id")["hour"]
    for place, (at, zone) in enumerate(sent):
        shown = pd.Timestamp(at, tz="UTC").to_pydatetime().astimezone(ZoneInfo(zone))
        assert found[f"p{place:02}"] == shown.hour


@pytest.mark.parametrize("zone", [None, "Mars/Olympus", "../etc/passwd", "America", ""])
def test_a_message_to_nobody_knows_where_is_left_out(messages, zone):
    lost = messages["person_id"] == "p0000"
    found = local(messages.assign(time_zone=messages["time_zone"].where(~lost, zone)), LIMITS)
    assert set(found["person_id"]) == {f"p{number:04}" for number in range(1, PEOPLE)}


def test_without_any_zone_it_says_what_is_missing(messages):
    with pytest.raises(InputError, match="profiles need `time_zone`"):
        local(messages.assign(time_zone=None), LIMITS)


def test_too_few_messages_are_refused():
    with pytest.raises(InputError, match="the earlier part has 30 messages"):
        run(message_rows.messages(4, 10), LIMITS, RULES)


def test_the_strength_of_a_prior_is_the_one_that_made_the_counts():
    chance = np.random.default_rng(4)
    sent = chance.integers(5, 40, 4000).astype(float)
    answered = chance.binomial(sent.astype(int), chance.beta(30 * 0.3, 30 * 0.7, 4000)).astype(float)
    assert strength(sent, answered, np.full(4000, 0.3)) == pytest.approx(30, rel=0.25)


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.01, 0.99), st.floats(1, 500))
def test_what_is_expected_lies_between_what_was_seen_and_what_is_usual(answered, not_answered, mean, worth):
    sent = answered + not_answered
    found = float(shrunk(np.array(sent), np.array(answered), np.array(mean), worth))
    seen = answered / sent if sent else mean
    assert min(seen, mean) - 1e-9 <= found <= max(seen, mean) + 1e-9


def test_the_last_hour_of_a_day_is_beside_the_first():
    at = np.zeros(HOURS)
    at[0] = 4
    assert near(at)[[22, 23, 0, 1, 2]].tolist() == [0, 1, 2, 1, 0]


def test_people_without_messages_have_the_shares_of_everybody():
    counts = Counts(people=("a", "b"), sent=np.vstack([np.full(HOURS, 5.0), np.zeros(HOURS)]),
                    answered=np.vstack([np.full(HOURS, 1.0), np.zeros(HOURS)]))  # fmt: skip
    habits = learn(counts)
    assert np.isfinite(habits.own).all()
    assert habits.own[1] == pytest.approx(habits.shared[1])


def test_where_no_hour_has_enough_messages_the_fullest_is_taken():
    sent = [0.0] * HOURS
    sent[10], sent[11] = 3.0, 2.0
    habits = learn(one_person(sent, [0.0] * HOURS))
    assert habits.best(habits.own, least=20).tolist() == [10]


def test_the_script_writes_a_report_and_a_score_for_each_person(messages, tmp_path):
    given_rows = messages.assign(answered_at=messages["answered_at"].astype("datetime64[us]"))
    rows.write(given_rows, tmp_path / "in" / "part-0")
    arguments = ["--messages", str(tmp_path / "in"), "--output", str(tmp_path / "out")]
    assert send_hours.main(arguments) == 0
    told = json.loads((tmp_path / "out" / "evaluation" / "evaluation.json").read_text())
    assert told["verdict"]["approved"] is True
    lines = [json.loads(line) for line in (tmp_path / "out" / "scores" / "scores.jsonl").read_text().splitlines()]
    assert len(lines) == PEOPLE
    assert {*lines[0]} == {"person_id", "cut_on", "score"}
    assert all(isinstance(line["score"], int) for line in lines)


def test_the_script_explains_what_it_cannot_use(messages, tmp_path, caplog):
    rows.write(messages.drop(columns="time_zone"), tmp_path / "in" / "rows.parquet")
    assert send_hours.main(["--messages", str(tmp_path / "in"), "--output", str(tmp_path / "out")]) == 1
    assert "column `time_zone` is missing; unload all columns of `message_answers`" in caplog.text
