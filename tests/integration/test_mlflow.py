"""Runs in real MLflow stores: SQLite, a tracking server, and those that cannot be used."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kit
import mlflow_kit
import numpy as np
import pandas as pd
import pytest
from mlflow_kit import Reader, Telling, Told, deliver
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression

from kernelpipe.cli.main import main
from kernelpipe.model.names import StepName
from kernelpipe.model.run import Metric, RunState
from kernelpipe.runs.tracking import InputFile, TrackedStep
from kernelpipe.runs.tracking.syncing import Hindrance, sync_outbox

pytestmark = pytest.mark.integration

LOAD, TRAIN = StepName("load"), StepName("train")


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """Return what reads stores back."""
    found = Reader()
    yield found
    found.close()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty MLflow database: to make one takes seconds."""
    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    program = "import sys, mlflow; mlflow.MlflowClient(sys.argv[1]).search_experiments()"
    subprocess.run(
        [sys.executable, "-c", program, f"sqlite:///{path}"],
        cwd=path.parent,
        env=mlflow_kit.environment(),
        check=True,
        capture_output=True,
    )
    return path


@pytest.fixture
def folder(tmp_path: Path, template: Path) -> Path:
    """Return a notebook's folder with an empty MLflow database."""
    (tmp_path / "mlflow.db").write_bytes(template.read_bytes())
    return tmp_path


def test_tracker__new_folder__default_store_has_run_and_steps(
    tmp_path: Path, reader: Reader
) -> None:
    """One parent with a nested run per step that ran: times, states, values, inputs, notebook."""
    steps = [TrackedStep(name=LOAD, parameters=("n",)), TrackedStep(name=TRAIN)]
    telling = Telling(tmp_path, steps=[*steps, TrackedStep(name=StepName("score"))])
    data = str(tmp_path / "data" / "a.csv")
    telling.end_step(LOAD, reads=[[data, "5" * 64], [str(tmp_path), "dir:" + "0" * 64]])
    telling.end_step(
        TRAIN, RunState.FAILED, metrics={"loss": 0.25}, series={"loss": [1.0, 0.5, 0.25]}
    )
    telling.end_step("score", RunState.SKIPPED)
    told = telling.end(RunState.FAILED, Metric(name="loss", value=0.25))

    mlflow_kit.deliver_in_background(told)

    runs = reader.runs(told.uri)
    parent, load, train = runs[told.run.id], runs["load"], runs["train"]
    began = int(told.run.started_at * 1000)
    assert set(runs) == {told.run.id, "load", "train"}
    assert (parent["status"], load["status"], train["status"]) == ("FAILED", "FINISHED", "FAILED")
    assert (parent["start"], load["start"] - began, load["end"] - began) == (began, 1000, 3000)
    assert {load["tags"]["mlflow.parentRunId"], train["tags"]["mlflow.parentRunId"]} == {
        parent["id"]
    }
    assert parent["params"] == {"n": "3", "rate": "0.5", "who": "me"}
    assert load["params"] == {"n": "3"}
    assert parent["inputs"] == load["inputs"] == [["data/a.csv", "5" * 36, data]]
    assert train["history"]["loss"] == [[0, 1.0], [1, 0.5], [2, 0.25]]
    assert parent["artifacts"] == ["nb.html", "nb.ipynb"]
    assert parent["tags"]["mlflow.source.git.commit"] == "c0"
    assert parent["tags"]["kernelpipe.version"] == "9.9"
    assert parent["tags"]["kernelpipe.skipped"] == "score"
    assert load["tags"]["kernelpipe.cached"] == "false"
    record = json.loads((Path(told.run.directory) / "mlflow.json").read_text())
    assert (record["mlflow_run_id"], record["notes"]) == (parent["id"], [])


def test_tracker__tracking_server__run_is_there(
    tmp_path: Path, template: Path, reader: Reader
) -> None:
    """MLFLOW_TRACKING_URI is honoured, artifacts included; nothing is made beside the home."""
    with mlflow_kit.mlflow_server(tmp_path, template) as uri:
        variables = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_EXPERIMENT_NAME": "mine"}
        telling = Telling(tmp_path, variables=variables)
        telling.end_step(LOAD)
        told = telling.end()

        deliver(told)

        runs = reader.runs(uri, "mine")
    assert {name: run["status"] for name, run in runs.items()} == {
        told.run.id: "FINISHED",
        "load": "FINISHED",
    }
    assert runs[told.run.id]["artifacts"] == ["nb.html", "nb.ipynb"]
    assert not (tmp_path / "mlflow.db").exists()


def test_sync__dead_server__is_left_and_told(tmp_path: Path) -> None:
    """The run knows at its end; sync says which run and why, and keeps it."""
    uri = f"http://127.0.0.1:{mlflow_kit.free_port()}"
    telling = Telling(tmp_path, variables={"MLFLOW_TRACKING_URI": uri})
    mlflow_kit.wait_until(telling.tracker.notes, telling.store.home)
    told = telling.end()

    outcome = sync_outbox(told.home, timeout_s=30, environment=mlflow_kit.environment())

    assert f"{uri} cannot be reached" in telling.tracker.notes()[0]
    assert outcome.delivered == ()
    assert [(left.run_id, left.kind) for left in outcome.left] == [
        (told.run.id, Hindrance.UNREACHABLE)
    ]
    assert telling.outbox.exists()


def test_sync__server_never_answers__ends_in_time(tmp_path: Path) -> None:
    """Each request has a limit."""
    with mlflow_kit.silent_server() as uri:
        telling = Telling(tmp_path, variables={"MLFLOW_TRACKING_URI": uri})
        told = telling.end()
        variables = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "1", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}

        outcome = sync_outbox(
            told.home, timeout_s=5, environment=mlflow_kit.environment(**variables)
        )

    assert [left.kind for left in outcome.left] == [Hindrance.UNREACHABLE]


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs /proc")
def test_sync__nothing_can_be_made_there__is_left_soon(tmp_path: Path) -> None:
    """Not even by root; MLflow's own attempts would take minutes."""
    telling = Telling(tmp_path, variables={"MLFLOW_TRACKING_URI": "sqlite:////proc/mlflow.db"})
    told = telling.end()
    began = time.monotonic()

    outcome = sync_outbox(told.home, timeout_s=30, environment=mlflow_kit.environment())

    assert time.monotonic() - began < 30
    assert [left.reason for left in outcome.left] == [
        "/proc/mlflow.db cannot be written: unable to open database file"
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_sync__folder_is_read_only__is_left_and_told(tmp_path: Path) -> None:
    """The default store is beside the home, which is all that can be written."""
    telling = Telling(tmp_path)
    told = telling.end()
    tmp_path.chmod(0o500)
    try:
        outcome = sync_outbox(told.home, timeout_s=30, environment=mlflow_kit.environment())
    finally:
        tmp_path.chmod(0o700)

    assert [left.reason for left in outcome.left] == [f"{tmp_path / 'mlflow.db'} cannot be written"]


def test_sync__server_is_back__delivers_what_was_kept(folder: Path, reader: Reader) -> None:
    """Half delivered by a killed deliverer, then delivered: nothing is there twice."""
    telling = Telling(folder, steps=[TrackedStep(name=LOAD), TrackedStep(name=TRAIN)])
    telling.end_step(LOAD, series={"loss": [2.0, 1.0]})
    telling.end_step(TRAIN)
    told = telling.end()
    program = [sys.executable, "-m", "kernelpipe.runs.tracking.deliver", str(told.home)]
    killed = subprocess.Popen(
        program, env=mlflow_kit.environment(), stderr=subprocess.DEVNULL, start_new_session=True
    )
    mlflow_kit.wait_until((telling.outbox / "delivery.json").exists, told.home)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    (telling.outbox / "delivery.json").unlink(missing_ok=True)  # it did not come to say so

    outcome = sync_outbox(told.home, timeout_s=60, environment=mlflow_kit.environment())

    assert [each.run_id for each in outcome.delivered] == [told.run.id]
    runs = reader.runs(told.uri)  # which refuses two runs of one name
    assert set(runs) == {told.run.id, "load", "train"}
    assert runs["load"]["history"]["loss"] == [[0, 2.0], [1, 1.0]]
    assert not telling.outbox.exists()


def test_sync__run_goes_on__is_left_alone(folder: Path) -> None:
    """Its own command delivers it."""
    telling = Telling(folder)
    facts = telling.outbox / "facts.jsonl"
    told = json.loads(facts.read_text())
    told["run"]["started_at"] -= 60
    facts.write_text(json.dumps(told) + "\n")

    outcome = sync_outbox(telling.store.home, timeout_s=60, environment=mlflow_kit.environment())

    assert [left.kind for left in outcome.left] == [Hindrance.RUNNING]


def test_deliverer__run_goes_on_for_long__is_there_before_it_ends(
    folder: Path, reader: Reader
) -> None:
    """What has ended is ended there; the run is RUNNING until it is over, and there once."""
    telling = Telling(folder, steps=[TrackedStep(name=LOAD), TrackedStep(name=TRAIN)])
    telling.end_step(LOAD)
    facts = telling.outbox / "facts.jsonl"
    first, *others = facts.read_text().splitlines()
    changed = json.loads(first)
    changed["run"]["started_at"] -= 60
    facts.write_text("\n".join([json.dumps(changed), *others, ""]))
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    program = [sys.executable, "-m", "kernelpipe.runs.tracking.deliver", str(telling.store.home)]

    subprocess.run(program, env=mlflow_kit.environment(), check=True, capture_output=True)

    runs = reader.runs(uri)
    assert {name: run["status"] for name, run in runs.items()} == {
        telling.run.id: "RUNNING",
        "load": "FINISHED",
    }
    telling.end_step(TRAIN)
    deliver(telling.end())
    assert {run["status"] for run in reader.runs(uri).values()} == {"FINISHED"}


_USER_CODE = """
import mlflow
mlflow.log_param("mine", 1)
mlflow.log_metric("accuracy", 0.5)
mlflow.end_run()
with mlflow.start_run(run_name="second"):
    mlflow.log_metric("more", 1)
"""
_CHOOSING_CODE = """
import mlflow
mlflow.set_experiment("churn")
with mlflow.start_run(run_name="chosen"):
    mlflow.log_metric("more", 1)
"""


def _run_user_code(telling: Telling, step: StepName, code: str) -> None:
    variables = telling.tracker.step_environment(step)
    subprocess.run(
        [sys.executable, "-c", code],
        env={**mlflow_kit.environment(), **variables},
        check=True,
        capture_output=True,
    )
    telling.end_step(step)


def test_step_environment__code_logs_itself__lands_in_the_steps_run(
    folder: Path, reader: Reader
) -> None:
    """Its first run is the step's; others are nested in that, also where it chooses for itself."""
    steps = [
        TrackedStep(name=LOAD, parameters=("n",), uses_mlflow=True, resumes_run=True),
        TrackedStep(name=TRAIN, uses_mlflow=True, resumes_run=False),
    ]
    telling = Telling(folder, steps=steps, running=[LOAD, TRAIN])
    _run_user_code(telling, LOAD, _USER_CODE)
    _run_user_code(telling, TRAIN, _CHOOSING_CODE)
    told = telling.end()

    deliver(told)

    runs = reader.runs(told.uri)
    assert set(runs) == {told.run.id, "load", "second", "train", "chosen"}
    assert runs["load"]["params"] == {"mine": "1", "n": "3"}
    assert runs["load"]["metrics"]["accuracy"] == 0.5
    assert runs["second"]["tags"]["mlflow.parentRunId"] == runs["load"]["id"]
    assert runs["load"]["tags"]["mlflow.parentRunId"] == runs[told.run.id]["id"]
    assert runs["chosen"]["tags"]["mlflow.parentRunId"] == runs["train"]["id"]


def test_step_environment__server_never_answers__step_goes_on(tmp_path: Path) -> None:
    """It gets the server and the experiment, and the run says what that means."""
    step = TrackedStep(name=LOAD, uses_mlflow=True, resumes_run=True)
    with mlflow_kit.silent_server() as uri:
        variables = {"MLFLOW_TRACKING_URI": uri}
        telling = Telling(
            tmp_path, variables=variables, steps=[step], running=[LOAD], prepare_timeout_s=0.5
        )
        began = time.monotonic()

        found = telling.tracker.step_environment(LOAD)

        assert time.monotonic() - began < 5
    assert (found["MLFLOW_TRACKING_URI"], found["MLFLOW_EXPERIMENT_NAME"]) == (uri, "churn")
    assert "MLFLOW_RUN_ID" not in found
    assert "took over 0.5 s" in telling.tracker.notes()[0]


def _table() -> pd.DataFrame:
    return pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [0.0, 1.0, 0.0, 1.0], "y": [0, 1, 0, 1]})


def _forest() -> RandomForestClassifier:
    """Return a model that MLflow's usual serialisation refuses."""
    model = RandomForestClassifier(n_estimators=2, random_state=0)
    return model.fit(_table()[["b", "a"]], _table()["y"])


def _line() -> LinearRegression:
    return LinearRegression().fit(_table()[["a"]], _table()["y"])


def _training(folder: Path, register: str, **values: object) -> Telling:
    """Return a run whose step ``train`` made ``values`` from the table of step ``load``."""
    train = TrackedStep(
        name=TRAIN, register=register, inputs=(InputFile(step=LOAD, port="df", names=("df",)),)
    )
    telling = Telling(folder, steps=[TrackedStep(name=LOAD), train])
    telling.end_step(LOAD, values=[telling.keep("df", df=_table())])
    kept = [telling.keep(name, **{name: value}) for name, value in values.items()]
    telling.end_step(TRAIN, values=kept)
    return telling


def _killed(folder: Path) -> Told:
    """Return a run whose process was killed while it wrote a fact."""
    telling = Telling(folder, steps=[TrackedStep(name=LOAD), TrackedStep(name=TRAIN)])
    telling.end_step(LOAD)
    facts = telling.outbox / "facts.jsonl"
    first, *others = facts.read_text().splitlines()
    changed = json.loads(first)
    changed["owner"]["boot"] = "earlier"
    facts.write_text("\n".join([json.dumps(changed), *others, '{"kind": "step_fin']))
    return Told(run=telling.run, home=telling.store.home, tracker=telling.tracker)


def _with_values(folder: Path) -> Told:
    telling = Telling(folder, are_values_logged=True)
    telling.end_step(LOAD, values=[telling.keep("df", df=_table()), telling.keep("m", m=_line())])
    return telling.end()


@dataclass(frozen=True, kw_only=True)
class Many:
    """Several runs of one home, delivered in one go."""

    told: dict[str, Told]
    runs: list[dict[str, Any]]
    models: list[dict[str, Any]]

    def parent(self, name: str) -> dict[str, Any]:
        """Return the MLflow run of a pipeline run."""
        return next(run for run in self.runs if run["name"] == self.told[name].run.id)

    def step(self, name: str, step: str) -> dict[str, Any]:
        """Return the MLflow run of one of its steps."""
        parent = self.parent(name)["id"]
        return next(
            run
            for run in self.runs
            if run["name"] == step and run["tags"].get("mlflow.parentRunId") == parent
        )


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, template: Path, reader: Reader) -> Many:
    """Return runs that register models, one that keeps values and one that was killed."""
    folder = tmp_path_factory.mktemp("many")
    (folder / "mlflow.db").write_bytes(template.read_bytes())
    matrix = np.array([[1.0, 2.0], [3.0, 5.0]])
    array_model = LinearRegression().fit(matrix, [0.0, 1.0])
    forest = _forest()
    told = {
        "first": _training(folder, "churn", model=forest, score=0.5, last=_table()).end(),
        "again": _training(folder, "churn", model=forest, score=0.5, last=_table()).end(),
        "failed": _training(folder, "late", model=_line()).end(RunState.FAILED),
        "two": _training(folder, "two", one=_line(), other=LinearRegression()).end(),
        "named": _training(
            folder, "named:one", one=array_model, other=LinearRegression(), matrix=matrix
        ).end(),
        "values": _with_values(folder),
        "killed": _killed(folder),
    }
    outcome = sync_outbox(
        folder / ".kernelpipe", timeout_s=mlflow_kit.WAIT_S, environment=mlflow_kit.environment()
    )
    assert outcome.left == ()
    return Many(told=told, **reader.read(f"sqlite:///{folder / 'mlflow.db'}"))


def test_register__run_succeeded__model_has_signature(many: Many) -> None:
    """The columns that it was fitted with, in their order; the run's step stays ended."""
    (model,) = [each for each in many.models if each["name"] == "churn"]
    step = many.step("first", "train")

    assert (model["version"], model["signature"]) == ("1", ["b", "a"])
    assert step["tags"]["kernelpipe.registered"] == "churn version 1"
    assert model["run"] == step["id"]
    assert (step["status"], step["end"] - step["start"]) == ("FINISHED", 2000)


def test_register__same_model_again__has_no_second_version(many: Many) -> None:
    """A run whose step was found registers what is registered already."""
    assert many.step("again", "train")["tags"]["kernelpipe.registered"] == (
        "churn version 1 (unchanged)"
    )


def test_register__run_failed__nothing_is_registered(many: Many) -> None:
    """A gate after the step did not pass."""
    assert "late" not in {each["name"] for each in many.models}
    assert many.parent("failed")["tags"]["kernelpipe.notes"] == (
        "the model of step 'train' is not registered: the run failed"
    )


def test_register__two_models__says_what_to_write(many: Many) -> None:
    """It is not guessed which of them is meant."""
    assert "two" not in {each["name"] for each in many.models}
    assert many.parent("two")["tags"]["kernelpipe.notes"] == (
        "step 'train': nothing is registered: the step has several models: one, other;"
        " write register:two:VARIABLE"
    )


def test_register__named_variable_fitted_with_an_array__is_registered(many: Many) -> None:
    """The tag says which; a matrix of as many columns gives the signature."""
    (model,) = [each for each in many.models if each["name"] == "named"]

    assert model["version"] == "1"
    assert model["signature"] is not None


def test_values__asked_for__tables_and_models_are_there(many: Many) -> None:
    """As files; no model is registered for that."""
    folder = many.told["values"].home.parent
    kept = {path.name for path in (folder / "mlruns").rglob("*") if path.is_file()}

    assert {"df.parquet", "model.pkl"} <= kept
    assert {each["name"] for each in many.models} == {"churn", "named"}


def test_sync__process_of_the_run_was_killed__run_is_killed(many: Many) -> None:
    """What it told until then is there, and that it was lost."""
    parent = many.parent("killed")

    assert (parent["status"], many.step("killed", "load")["status"]) == ("KILLED", "FINISHED")
    assert parent["tags"]["kernelpipe.reason"] == "lost: the process ended without finishing"


def test_sync_command__dead_server__exits_with_4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The document is on stdout, the reason on stderr."""
    uri = f"http://127.0.0.1:{mlflow_kit.free_port()}"
    told = Telling(tmp_path, variables={"MLFLOW_TRACKING_URI": uri}).end()

    code = main(["sync", "--home", str(told.home), "--json"])

    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert code == 4
    assert document["delivered"] == []
    assert [(each["run_id"], each["kind"]) for each in document["left"]] == [
        (told.run.id, "unreachable")
    ]
    assert f"run {told.run.id} is not delivered: {uri} cannot be used" in printed.err


def test_sync_command__nothing_kept__is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There need not even be a home."""
    assert main(["sync", "--home", str(tmp_path / "none")]) == 0
    assert capsys.readouterr().out == "nothing was delivered\n"


def test_run_command__step_logs_itself__is_one_tree(folder: Path, reader: Reader) -> None:
    """A real step: its own calls, those of autolog, its parameters, the model that it registers."""
    (folder / "a.csv").write_text("a,y\n1,2\n2,4\n3,7\n")
    kit.write(
        folder / "nb.ipynb",
        kit.code("import mlflow\nimport pandas as pd", "imports"),
        kit.code("from sklearn.linear_model import LinearRegression", "imports"),
        kit.code("rate = 0.5", "parameters"),
        kit.code("df = pd.read_csv('a.csv')", "step:load"),
        kit.code(
            "mlflow.sklearn.autolog(log_models=False)\n"
            "with mlflow.start_run():\n"
            "    model = LinearRegression().fit(df[['a']], df['y'])\n"
            "    mlflow.log_metric('mine', rate)",
            "step:train",
            "register:churn",
        ),
    )
    command = [sys.executable, "-m", "kernelpipe"]

    def call(*words: str) -> dict[str, Any]:
        ended = subprocess.run(
            [*command, *words, "--json"],
            cwd=folder,
            env=mlflow_kit.environment(),
            capture_output=True,
            check=True,
        )
        document: dict[str, Any] = json.loads(ended.stdout)
        return document

    run = call("run", "nb.ipynb")
    call("sync", "--timeout", f"{mlflow_kit.WAIT_S:g}s")

    uri = f"sqlite:///{folder / 'mlflow.db'}"
    runs = reader.runs(uri, "nb")
    train = runs["train"]
    assert set(runs) == {run["run_id"], "load", "train"}
    assert {each["status"] for each in runs.values()} == {"FINISHED"}
    assert train["params"]["rate"] == "0.5"
    assert train["params"]["fit_intercept"] == "True"
    assert train["metrics"]["mine"] == 0.5
    assert train["tags"]["kernelpipe.registered"] == "churn version 1"
    assert runs["load"]["inputs"][0][0] == "a.csv"
    assert [each["signature"] for each in reader.read(uri, "nb")["models"]] == [["a"]]
