import json
from pathlib import Path

import pytest

from careen.plan.record import RecordError, plan_of_record, plan_record
from fakes.stacks import write_stack


def test_a_plan_survives_its_record(tmp_path: Path) -> None:
    plan = write_stack(tmp_path).plan

    assert plan_of_record(json.loads(json.dumps(plan_record(plan)))) == plan


@pytest.mark.parametrize("record", [None, [], {}, "plan", [1] * 11, [["a"]] * 11], ids=str)
def test_what_is_no_record_is_refused(record: object) -> None:
    with pytest.raises(RecordError):
        plan_of_record(record)


def test_a_record_with_a_value_of_another_kind_is_refused(tmp_path: Path) -> None:
    record = plan_record(write_stack(tmp_path).plan)
    for position, value in enumerate(record):
        changed = [*record[:position], [value] if not isinstance(value, list) else 7, *record[position + 1 :]]
        with pytest.raises(RecordError):
            plan_of_record(changed)
