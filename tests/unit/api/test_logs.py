"""The logs of a run's steps, and of the items of its loops."""

from pathlib import Path

import kit
import pytest
import records_kit as rk

from kernelpipe import api
from kernelpipe.errors import UsageError
from kernelpipe.model.run import ItemFacts, Run, StepFacts


def _item(text: str) -> ItemFacts:
    return ItemFacts(
        text=text, state="SUCCEEDED", reason=None, is_cached=False, duration_s=1.0, notebook=None
    )


def _recorded(home: Path, *, is_remote: bool = False) -> Run:
    """Return a run of ``load`` and of ``train``, which ran once per item."""
    loop = StepFacts(items=[_item("lr = 1"), _item("lr = 2")])
    run = rk.record(
        home,
        kit.code("x = 1", "step:load"),
        steps=[rk.step("load"), rk.step("train", facts=loop)],
        facts=rk.FACTS | ({"cluster": {"host": "http://example.com"}} if is_remote else {}),
    )
    rk.write_log(run, 1, "load", "loaded")
    if is_remote:
        rk.write_log(run, 2, "train", "both")
    else:
        rk.write_log(run, 2, "train.0", "one")
        rk.write_log(run, 2, "train.1", "two")
        rk.write_log(run, 2, "train.1", "two again", attempt=2)
    return run


def _texts(run: Run, step: str | None, *, all_attempts: bool = False) -> list[str]:
    return [log.path.read_text() for log in api.find_logs(run, step, all_attempts=all_attempts)]


def test_find_logs__an_item__is_its_own(tmp_path: Path) -> None:
    """An item is called as ``runs show`` calls it."""
    run = _recorded(tmp_path / "home")

    assert _texts(run, "train[0]") == ["one"]
    assert _texts(run, "train[1]") == ["two again"]
    assert _texts(run, "train[1]", all_attempts=True) == ["two", "two again"]
    assert _texts(run, "train") == ["one", "two again"]
    assert _texts(run, None) == ["loaded", "one", "two again"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [("train[12]", "did you mean 'train[1]'?"), ("x", "its steps are: load, train")],
)
def test_find_logs__no_such_step_or_item__is_refused(tmp_path: Path, name: str, hint: str) -> None:
    """The nearest name is proposed."""
    run = _recorded(tmp_path / "home")

    with pytest.raises(UsageError, match="has no step") as caught:
        api.find_logs(run, name)

    assert caught.value.hint == hint


def test_find_logs__run_on_a_cluster__has_one_log_for_all_items(tmp_path: Path) -> None:
    """It is the step's; who asks for an item is told so."""
    run = _recorded(tmp_path / "home", is_remote=True)

    assert _texts(run, "train") == ["both"]
    with pytest.raises(UsageError, match="the items of step 'train' have one log together"):
        api.find_logs(run, "train[0]")
