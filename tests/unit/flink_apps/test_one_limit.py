"""What is written in Java and in Python is the same."""

import re

from c360_core.exact_json import MAX_NUMBER_LENGTH
from twin.settings import ROOT

READ_RECORD = ROOT / "flink_apps" / "java" / "src" / "main" / "java" / "c360" / "ReadRecord.java"


def test_unify_takes_numbers_of_the_length_that_clean_lets_through() -> None:
    [longest] = re.findall(r"int LONGEST_DECIMAL = (\d+);", READ_RECORD.read_text(encoding="utf-8"))
    assert int(longest) == MAX_NUMBER_LENGTH
