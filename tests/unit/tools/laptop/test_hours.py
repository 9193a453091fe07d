"""What `c360 truth` prints of hours to send at."""

from io import StringIO

from rich.console import Console

from tools.laptop.hours import table

LIFT = {"value": 2.5, "low": 2.25, "high": 2.75}
OUTCOME = {
    "months": 3,
    "data": "some baskets, simulated",
    "held_out": "2017-11-01",
    "households": 300,
    "chosen": {
        name: {"share_of_answers": share, "lift": LIFT}
        for name, share in (("own_hours", 0.125), ("hour_of_everybody", 0.0625), ("hour_of_last_answer", 0.03125))
    },
}


def test_the_table_shows_each_way_to_choose_an_hour_and_of_which_data_it_speaks() -> None:
    written = StringIO()
    Console(file=written, width=160, color_system=None).print(table([OUTCOME, {**OUTCOME, "months": 10}]))
    shown = written.getvalue()

    assert "baskets from 2017-11-01 on that began in the hour" in shown
    assert "some baskets, simulated" in shown
    assert shown.count("2.500 (2.250 to 2.750)") == 6
    assert [shown.count(share) for share in ("0.1250", "0.0625", "0.0312")] == [2, 2, 2]
    assert shown.count("10 months, 300 households") == 3
