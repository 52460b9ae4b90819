"""Tests of schedules, against a fake of the API."""

import pytest
import yaml
from cluster_kit import JSON, FakeCalls, spec

from kernelpipe.backends.kfp.cluster import (
    ClusterSettings,
    Schedule,
    ScheduleOptions,
    Trigger,
    create_schedule,
    cron_trigger,
    delete_schedule,
    find_schedule,
    interval_trigger,
    list_schedules,
    pause_schedule,
    resume_schedule,
)
from kernelpipe.errors import UsageError

IR = yaml.safe_dump(spec("a"))
CREATE = "recurring_run_service_create_recurring_run"
LIST = "recurring_run_service_list_recurring_runs"


def answer(name: str = "nightly", schedule_id: str = "s1", **more: object) -> JSON:
    """Return what the cluster says of a schedule."""
    return {
        "recurring_run_id": schedule_id,
        "display_name": name,
        "status": "ENABLED",
        "experiment_id": "e1",
        "created_at": "2026-11-21T10:00:00Z",
        "trigger": {"cron_schedule": {"cron": "0 0 3 * * *"}},
        "pipeline_spec": spec("a"),
        **more,
    }


def test_create_schedule__crontab_line__is_sent_with_six_fields() -> None:
    """No run is missed in silence, none overlaps unless asked for."""
    calls = FakeCalls({CREATE: answer()})

    found = create_schedule(
        calls, IR, parameters={}, name="nightly", trigger=cron_trigger("0 3 * * *")
    )

    body = calls.asked[-1][1]["recurring_run"]
    assert body.pop("description").startswith("made by kernelpipe, ")
    assert body == {
        "display_name": "nightly",
        "experiment_id": "e1",
        "pipeline_spec": spec("a"),
        "runtime_config": {"parameters": {}},
        "trigger": {"cron_schedule": {"cron": "0 0 3 * * *"}},
        "mode": "ENABLE",
        "max_concurrency": "1",
        "no_catchup": True,
    }
    assert found == Schedule(
        id="s1",
        name="nightly",
        trigger=Trigger(cron="0 0 3 * * *"),
        is_enabled=True,
        pipeline="demo",
        experiment_id="e1",
        created_at=1795255200.0,
    )
    assert str(found.trigger) == (
        "0 3 * * * (in the time zone of the cluster's scheduler, usually UTC)"
    )


def test_create_schedule__interval_and_options__are_sent() -> None:
    """Seconds travel as text."""
    calls = FakeCalls({CREATE: answer(trigger={"periodic_schedule": {"interval_second": "300"}})})

    found = create_schedule(
        calls,
        IR,
        parameters={},
        name="often",
        trigger=interval_trigger("5m"),
        options=ScheduleOptions(max_concurrency=3, catches_up=True, is_enabled=False),
    )

    body = calls.asked[-1][1]["recurring_run"]
    assert body["trigger"] == {"periodic_schedule": {"interval_second": "300"}}
    assert (body["mode"], body["max_concurrency"], body["no_catchup"]) == ("DISABLE", "3", False)
    assert str(found.trigger) == "every 5m"


@pytest.mark.parametrize(
    ("length", "seconds", "shown"),
    [
        ("5m", 300, "every 5m"),
        ("1h30m", 5400, "every 1h30m"),
        ("1d", 86400, "every 1d"),
        ("90s", 90, "every 1m30s"),
        ("3600", 3600, "every 1h"),
        (" 1m ", 60, "every 1m"),
    ],
)
def test_interval_trigger__length_of_time__is_seconds(
    length: str, seconds: int, shown: str
) -> None:
    """It is shown as it can be written."""
    found = interval_trigger(length)

    assert found == Trigger(interval_s=seconds)
    assert str(found) == shown


@pytest.mark.parametrize("length", ["", "soon", "5 minutes", "0m", "59s", "61.5s", "-5m"])
def test_interval_trigger__no_usable_length__is_refused(length: str) -> None:
    """Less than a minute would start runs faster than pods start."""
    with pytest.raises(UsageError, match=r"no length of time|cannot start a run every"):
        interval_trigger(length)


@pytest.mark.parametrize("count", [0, 11])
def test_create_schedule__impossible_concurrency__is_refused(count: int) -> None:
    """KFP's own limits, said before anything is sent."""
    calls = FakeCalls()

    with pytest.raises(UsageError, match="KFP allows 1 to 10"):
        create_schedule(
            calls,
            IR,
            parameters={},
            name="n",
            trigger=Trigger(interval_s=60),
            options=ScheduleOptions(max_concurrency=count),
        )

    assert calls.asked == []


def test_list_schedules__several_pages__are_read() -> None:
    """Paused ones and those of unknown kinds are there, too."""
    first = {"recurringRuns": [answer()], "next_page_token": "p2"}
    second = {
        "recurringRuns": [
            answer("old", "s2", status="DISABLED", trigger={}, error={"message": "no pipeline"}),
            answer("odd", "s3", status="STATUS_UNSPECIFIED", mode="ENABLE"),
        ]
    }
    calls = FakeCalls({LIST: [first, second]})

    found = list_schedules(calls)

    assert [(each.name, each.is_enabled, each.message) for each in found] == [
        ("nightly", True, ""),
        ("old", False, "no pipeline"),
        ("odd", True, ""),
    ]
    assert found[1].trigger is None
    assert [asked["page_token"] for name, asked in calls.asked if name == LIST] == ["", "p2"]
    assert calls.asked[0][1]["namespace"] == "team"


def test_list_schedules__of_an_experiment__asks_for_it() -> None:
    """The settings say where to look."""
    calls = FakeCalls({LIST: {}}, settings=ClusterSettings(host="h", experiment="mine"))

    assert list_schedules(calls) == ()
    assert calls.asked[-1][1]["experiment_id"] == "e1"


def test_find_schedule__id_name_or_beginning__is_found() -> None:
    """An exact id wins over a name."""
    listed = {"recurringRuns": [answer("nightly", "abc1"), answer("hourly", "abd2")]}
    calls = FakeCalls({LIST: listed})

    assert [find_schedule(calls, each).id for each in ("abc1", "hourly", "abd")] == [
        "abc1",
        "abd2",
        "abd2",
    ]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("ab", "may be several schedules\n  hint: choose by id: abc1, abd2"),
        ("nigtly", "no schedule 'nigtly'\n  hint: did you mean 'nightly'?"),
        ("zzz", "no schedule 'zzz'\n  hint: there are: nightly, hourly"),
    ],
)
def test_find_schedule__unclear_reference__is_refused(reference: str, message: str) -> None:
    """Nothing is paused or deleted by guessing."""
    listed = {"recurringRuns": [answer("nightly", "abc1"), answer("hourly", "abd2")]}

    with pytest.raises(UsageError) as caught:
        find_schedule(FakeCalls({LIST: listed}), reference)

    assert message in str(caught.value)


def test_schedules__pause_resume_delete__ask_the_cluster() -> None:
    """One operation each."""
    names = [
        "recurring_run_service_disable_recurring_run",
        "recurring_run_service_enable_recurring_run",
        "recurring_run_service_delete_recurring_run",
    ]
    calls = FakeCalls({name: {} for name in names})

    pause_schedule(calls, "s1")
    resume_schedule(calls, "s1")
    delete_schedule(calls, "s1")

    assert calls.asked == [(name, {"recurring_run_id": "s1"}) for name in names]


def test_trigger__neither_or_both__is_impossible() -> None:
    """Callers choose one."""
    with pytest.raises(ValueError, match="either"):
        Trigger()
    with pytest.raises(ValueError, match="either"):
        Trigger(cron="0 0 3 * * *", interval_s=60)
