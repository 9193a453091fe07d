"""The bad files of the tests: the same in each run, of every type and damage, and each with a mark of its own."""

from c360_core import contracts
from tests.factories.bad_files import FORMATS, NOBODY, Files


def test_they_are_the_same_in_every_run_and_each_has_its_own_mark() -> None:
    first, second = (list(Files(contracts.load(), 7).bad(120)) for _ in range(2))

    # An archive keeps the time at which it was made.
    steady = [number for number, file in enumerate(first) if "zip" not in file.key]
    assert [first[number] for number in steady] == [second[number] for number in steady]
    assert len({file.mark for file in first}) == len({file.key for file in first}) == 120
    assert {file.key.partition("/")[0] for file in first} == {*FORMATS, NOBODY}
    assert {file.whole for file in first} == {True, False}


def test_good_ones_are_all_different() -> None:
    files = list(Files(contracts.load(), 7).good(40))
    assert len({file.content for file in files}) == 40
