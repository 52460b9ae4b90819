"""Tests of runs on clusters as they are recorded here, against a fake of the API."""

import io
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import kit
import pytest
from cluster_kit import FakeCalls, run, spec, step_nodes

from kernelpipe import api
from kernelpipe.api.cluster_runs import take_over
from kernelpipe.api.clusters import Compiled, chosen_cluster
from kernelpipe.backends.kfp.cluster import ClusterSettings, KnownClusters, Patience
from kernelpipe.backends.local.reporting import PlainReporter
from kernelpipe.errors import ClusterError, RunInterruptedError, SubmissionLostError, UsageError
from kernelpipe.model.run import ClusterFacts, Run, RunFacts, RunState
from kernelpipe.runs import RunStore
from kernelpipe.runs.owner import Owner
from kernelpipe.runs.rows import update_owner

HOST = "http://example.com"
CREATE, LIST, GET, STOP = (
    "run_service_create_run",
    "run_service_list_runs",
    "run_service_get_run",
    "run_service_terminate_run",
)
AT_ONCE = Patience(shortest_pause_s=0, longest_pause_s=0, longest_error_pause_s=0)
SILENT = ClusterError(f"no answer from {HOST}: refused")


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's own settings away; the cluster is the one of the environment."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", HOST)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """Return an empty store."""
    return RunStore(tmp_path / ".kernelpipe")


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """Write a notebook of two steps."""
    return kit.write(
        tmp_path / "demo.ipynb",
        kit.code("n = 1", "parameters"),
        kit.code("x = n", "step:split"),
        kit.code("y = x", "step:train"),
    )


def recorded(
    store: RunStore,
    *,
    host: str = HOST,
    remote_id: str | None = "r1",
    cluster: ClusterFacts | None = None,
) -> Run:
    """Record a run of two steps on a cluster, which is its owner from then on."""
    made = store.create(
        pipeline="demo",
        source=store.home.parent / "demo.ipynb",
        parameters="{}",
        steps=["split_step", "train_step"],  # type: ignore[list-item]  # texts
        facts=RunFacts(cluster=ClusterFacts(host=host, token="t0k3n", experiment_id="e1")),
    )
    known = ClusterFacts(run_id=remote_id) if remote_id else ClusterFacts()
    return store.hand_over(made.id, ClusterFacts(**{**known, **(cluster or {})}))


class Interrupted(FakeCalls):
    """An API whose user presses Ctrl-C while a run is sent."""

    def call(self, group: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """Answer everything else."""
        if operation == CREATE:
            raise KeyboardInterrupt
        return super().call(group, operation, **arguments)


def connecting(calls: FakeCalls) -> Callable[[ClusterSettings], FakeCalls]:
    """Return what makes connections to the fake."""
    return lambda _settings: calls


def test_refresh__running__takes_over_what_the_cluster_says(store: RunStore) -> None:
    """Run and steps; when it was asked is written down."""
    answer = run(
        "RUNNING", *step_nodes("split", "SUCCEEDED", 1, 5), *step_nodes("train", "RUNNING")
    )
    calls = FakeCalls({GET: answer})

    (found,) = api.refresh_runs(store, [recorded(store)], connect=connecting(calls))

    assert found.state is RunState.RUNNING
    assert [(step.name, step.state.value) for step in found.steps] == [
        ("split_step", "SUCCEEDED"),
        ("train_step", "RUNNING"),
    ]
    assert "as_of" in (found.cluster or {})
    assert store.list_runs() == (found,)


def test_refresh__ended__is_asked_no_more(store: RunStore) -> None:
    """Its duration is the cluster's; nothing changes any more."""
    answer = run(
        "SUCCEEDED",
        *step_nodes("split", "SUCCEEDED", 1, 5),
        *step_nodes("train", "SUCCEEDED", 5, 9),
        finished=10,
    )
    calls = FakeCalls({GET: answer})
    first = api.refresh_runs(store, [recorded(store)], connect=connecting(calls))

    again = api.refresh_runs(store, first, connect=connecting(calls))

    assert first[0].duration_s == 10
    assert again == first
    assert calls.names() == [GET]


def test_refresh__cluster_is_silent__is_asked_once_for_all_its_runs(store: RunStore) -> None:
    """A list does not wait for each of them; the states are the last that are known."""
    calls = FakeCalls({GET: SILENT})
    runs = [recorded(store) for _ in range(3)]

    found = api.refresh_runs(store, runs, connect=connecting(calls))

    assert calls.names() == [GET]
    assert [each.state for each in found] == [RunState.PENDING] * 3
    assert {(each.cluster or {})["problem"] for each in found} == {
        f"no answer from {HOST}: refused"
    }


def test_refresh__problem_is_over__is_forgotten(store: RunStore) -> None:
    """Also where nothing else has changed."""
    answer = run("RUNNING", *step_nodes("split", "RUNNING"))
    calls = FakeCalls({GET: [answer, SILENT, answer]})
    known = [recorded(store)]

    states = []
    for _ in range(3):
        known = list(api.refresh_runs(store, known, connect=connecting(calls)))
        states.append("problem" in (known[0].cluster or {}))

    assert states == [False, True, False]


def test_refresh__record_names_a_foreign_cluster__sends_nothing_there(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of runs may come from anybody; the user's token is not for whom it names."""
    monkeypatch.setenv("KERNELPIPE_KFP_TOKEN", "secret")
    asked: list[ClusterSettings] = []

    def connect(settings: ClusterSettings) -> FakeCalls:
        asked.append(settings)
        return FakeCalls({GET: run("RUNNING")})

    (found,) = api.refresh_runs(
        store, [recorded(store, host="http://example.org")], connect=connect
    )

    assert asked == []
    assert (found.cluster or {})["problem"] == (
        "its cluster http://example.org is none that you have used"
    )


def test_refresh__cluster_has_the_run_no_more__can_be_removed(store: RunStore) -> None:
    """How it went is not known, so no end is made up; but nobody has to wait for it either."""
    calls = FakeCalls({GET: ClusterError("there is none", status=404)})

    (found,) = api.refresh_runs(store, [recorded(store)], connect=connecting(calls))
    api.remove_runs(store, [found])

    assert found.state is RunState.PENDING
    assert store.list_runs() == ()


def test_refresh__answer_of_the_submission_was_lost__finds_the_run(store: RunStore) -> None:
    """By the token in its description."""
    listed = {"runs": [{"run_id": "r9", "description": "submitted by kernelpipe, t0k3n"}]}
    calls = FakeCalls({LIST: listed, GET: run("RUNNING", *step_nodes("split", "RUNNING"))})

    (found,) = api.refresh_runs(store, [recorded(store, remote_id=None)], connect=connecting(calls))

    assert (found.cluster or {})["run_id"] == "r9"
    assert found.state is RunState.RUNNING


def test_refresh__submission_never_arrived__has_failed(store: RunStore) -> None:
    """The run of another submission is not taken for it."""
    listed = {"runs": [{"run_id": "r9", "description": "submitted by kernelpipe, other"}]}
    calls = FakeCalls({LIST: listed})

    (found,) = api.refresh_runs(store, [recorded(store, remote_id=None)], connect=connecting(calls))

    assert (found.state, found.reason) == (
        RunState.FAILED,
        "it was not submitted: the cluster has no such run",
    )
    assert {step.state for step in found.steps} == {RunState.SKIPPED}


def test_refresh__submitting_process_was_killed__is_open_and_then_found(store: RunStore) -> None:
    """It is not called lost: the cluster may have it."""
    made = recorded(store, remote_id=None)
    gone = Owner(host=socket.gethostname(), boot="an earlier one", pid=1, start="1")
    with store._index.transaction("write") as opened:
        update_owner(opened, made.id, gone)

    (before,) = store.list_runs()
    listed = {"runs": [{"run_id": "r9", "description": "submitted by kernelpipe, t0k3n"}]}
    calls = FakeCalls({LIST: listed, GET: run("RUNNING", *step_nodes("split", "RUNNING"))})
    (after,) = api.refresh_runs(store, [before], connect=connecting(calls))

    assert (before.state, before.reason) == (
        RunState.PENDING,
        "the submission was cut short: it is not known whether the cluster has the run",
    )
    assert after.state is RunState.RUNNING


def test_take_over__slower_of_two__does_not_undo_the_end(store: RunStore) -> None:
    """Two processes may ask at the same time; an old answer may be written last."""
    known = recorded(store)
    ended = run("SUCCEEDED", *step_nodes("split", "SUCCEEDED", 1, 5), finished=6)
    take_over(store, known, FakeCalls({GET: ended}))
    old = replace(known, state=RunState.RUNNING)

    found = store.record_snapshot(known.id, old, ClusterFacts(as_of=1.0))

    assert found.state is RunState.SUCCEEDED


def test_submit__accepted__records_all_that_finds_it_again(notebook: Path) -> None:
    """And no secret."""
    calls = FakeCalls({CREATE: {"run_id": "r7"}}, settings=ClusterSettings(host=HOST, token="s3cr"))

    found = api.submit(notebook, {"n": 5}, connect=connecting(calls))

    body: dict[str, Any] = calls.asked[-1][1]["run"]
    assert body["display_name"] == f"demo {found.id}"
    assert body["runtime_config"] == {"parameters": {"n": 5}}
    assert json.loads(found.parameters) == {"n": 5}
    assert json.loads(found.facts)["given"] == ["n"]
    assert found.cluster == {
        "host": HOST,
        "namespace": "",
        "experiment": "",
        "experiment_id": "e1",
        "token": body["description"].rpartition(" ")[2],
        "run_id": "r7",
        "page": "http://localhost/#/runs/details/r7",
    }
    assert Path(found.directory, "source.ipynb").read_bytes() == notebook.read_bytes()
    assert "s3cr" not in found.facts


def test_submit__merged__records_which_task_runs_which_steps(notebook: Path) -> None:
    """A cluster knows tasks only."""
    calls = FakeCalls({CREATE: {"run_id": "r7"}}, settings=ClusterSettings(host=HOST))

    found = api.submit(notebook, connect=connecting(calls), merge=True)

    assert (found.cluster or {})["merged"] == {"split-to-train": ["split", "train"]}
    assert [step.name for step in found.steps] == ["split", "train"]


def test_submit__wait__returns_the_run_as_it_ended(notebook: Path) -> None:
    """With the login that was given: it is not remembered."""
    ended = run(
        "FAILED",
        *step_nodes("split", "SUCCEEDED", 1, 5),
        *step_nodes("train", "FAILED", 5, 9, message="OOMKilled (exit code 137)"),
        pipeline=spec("split", "train"),
        finished=10,
    )
    calls = FakeCalls({CREATE: {"run_id": "r7"}, GET: ended}, settings=ClusterSettings(host=HOST))
    given: list[ClusterSettings] = []

    def connect(settings: ClusterSettings) -> FakeCalls:
        given.append(settings)
        return calls

    cluster = ClusterSettings(host=HOST, token="s3cr")
    found = api.submit(notebook, cluster=cluster, wait=True, connect=connect)

    assert (found.state, found.duration_s) == (RunState.FAILED, 10.0)
    assert [settings.token for settings in given] == ["s3cr"]
    assert api.find_runs(notebook).list_runs() == (found,)


def test_submit__step_per_item__records_how_the_items_read(tmp_path: Path) -> None:
    """The cluster only counts them."""
    compiled = Compiled(
        pipeline=api.graph(
            kit.write(
                tmp_path / "loop.ipynb",
                kit.code("rates = [0.1, 0.2]", "parameters"),
                kit.code("print(rate)", "step:train", "foreach:rate in rates"),
            )
        ),
        text="",
        given={"rates": [1, 2.5]},
        settings=ClusterSettings(host=HOST),
    )

    facts = compiled.cluster_facts(FakeCalls(), experiment_id="e1")

    assert facts["items"] == {"train": ["rate = 1", "rate = 2.5"]}


def test_fetch_logs__steps_share_a_pod__each_has_its_log(store: RunStore) -> None:
    """Whichever of them is asked for."""
    going = recorded(store, cluster={"merged": {"split": ["split_step", "train_step"]}})
    answer = run("RUNNING", *step_nodes("split", "RUNNING", 1), pipeline=spec("split"))
    answer["run_details"]["task_details"][-1]["pod_name"] = "pod-1"
    calls = FakeCalls({GET: answer}, texts=lambda path: f"log of {path.split('/')[-2]}")

    api.fetch_logs(going, "train_step", connect=connecting(calls))
    one = [(log.step, log.path.read_text()) for log in api.find_logs(going)]
    api.fetch_logs(going, connect=connecting(calls))
    both = [(log.step, log.path.read_text()) for log in api.find_logs(going)]

    assert one == [("train_step", "log of pod-1")]
    assert both == [("split_step", "log of pod-1"), ("train_step", "log of pod-1")]


def test_submit__refused__leaves_no_record(notebook: Path) -> None:
    """The cluster said no: there is nothing to look for."""
    calls = FakeCalls({CREATE: ClusterError("no right", status=403)})

    with pytest.raises(ClusterError, match="no right"):
        api.submit(notebook, connect=connecting(calls))

    assert api.find_runs(notebook).list_runs() == ()


def test_submit__cluster_dies_meanwhile__is_recorded_as_open(notebook: Path) -> None:
    """The message tells how to find out."""
    calls = FakeCalls({CREATE: SILENT, LIST: ClusterError("login expired", status=401)})

    with pytest.raises(SubmissionLostError, match="finds out whether the cluster has it") as caught:
        api.submit(notebook, connect=connecting(calls))

    (found,) = api.find_runs(notebook).list_runs()
    assert found.id == caught.value.run_id
    assert found.state is RunState.PENDING
    assert "run_id" not in (found.cluster or {})


def test_follow_run__to_its_end__tells_each_change_once(store: RunStore) -> None:
    """Started, waiting for a reason, ended: in the words of runs on this machine."""
    waits = step_nodes("split", "PENDING", message='ImagePullBackOff: image "a:1"')
    done = step_nodes("split", "SUCCEEDED", 1, 5)
    calls = FakeCalls(
        {
            GET: [
                run("RUNNING", *waits),
                run("RUNNING", *waits),
                run("RUNNING", *done, *step_nodes("train", "RUNNING", 5)),
                run("SUCCEEDED", *done, *step_nodes("train", "SUCCEEDED", 5, 9), finished=10),
            ]
        }
    )
    told = io.StringIO()
    reporter = PlainReporter(told)

    found = api.follow_run(
        store, recorded(store), reporter=reporter, connect=connecting(calls), patience=AT_ONCE
    )

    waiting, *others = told.getvalue().splitlines()
    assert waiting.startswith("split_step: PENDING: the image a:1 cannot be pulled. Check")
    assert others == [
        "split_step: SUCCEEDED in 4.0 s",
        "train_step: started",
        "train_step: SUCCEEDED in 4.0 s",
    ]
    assert reporter.run == found
    assert store.list_runs() == (found,)


def test_follow_run__login_stays_expired__says_that_the_run_goes_on(store: RunStore) -> None:
    """It has not failed: nobody knows."""
    expired = ClusterError("it does not accept the login", status=401)
    calls = FakeCalls({GET: [run("RUNNING", *step_nodes("split", "RUNNING")), expired]})
    known = recorded(store)

    with pytest.raises(ClusterError, match=f"run {known.id} goes on, but how is not known: it "):
        api.follow_run(
            store,
            known,
            reporter=PlainReporter(io.StringIO()),
            connect=connecting(calls),
            patience=AT_ONCE,
        )

    assert store.list_runs()[0].state is RunState.RUNNING


def test_submit__interrupted__is_open_even_if_this_process_goes_on(notebook: Path) -> None:
    """As in a notebook from which it was submitted: the next look finds the run."""
    calls = Interrupted(settings=ClusterSettings(host=HOST))

    with pytest.raises(RunInterruptedError, match="the cluster may have it") as caught:
        api.submit(notebook, connect=connecting(calls))
    store = api.find_runs(notebook)
    (before,) = store.list_runs()
    mark = (before.cluster or {})["token"]
    listed = {"runs": [{"run_id": "r9", "description": f"submitted by kernelpipe, {mark}"}]}

    later = FakeCalls({LIST: listed, GET: run("RUNNING", *step_nodes("split", "RUNNING"))})
    (after,) = api.refresh_runs(store, [before], connect=connecting(later))

    assert caught.value.run_id == before.id
    assert (after.cluster or {})["run_id"] == "r9"


def test_stop_run__on_cluster__asks_it(store: RunStore) -> None:
    """The state is the cluster's answer."""
    calls = FakeCalls({STOP: {}, GET: run("CANCELING", *step_nodes("split", "RUNNING"))})

    found = api.stop_run(store, recorded(store), connect=connecting(calls))

    assert calls.names() == [STOP, GET]
    assert found.state is RunState.CANCELING


def test_stop_run__on_this_machine__asks_its_process(store: RunStore) -> None:
    """With the signal of Ctrl-C; a run that has ended is none that can be stopped."""
    made = store.create(pipeline="demo", source=Path("n.ipynb"), parameters="{}", steps=[])
    waits = (
        "from kernelpipe.runs.owner import current_owner as c; o = c();"
        " print(o.host, o.boot, o.pid, o.start, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", waits],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        host, boot, pid, start = process.stdout.readline().split()
        owner = Owner(host=host, boot=boot, pid=int(pid), start=start)
        with store._index.transaction("write") as opened:
            update_owner(opened, made.id, owner)

        api.stop_run(store, made)
        code = process.wait(30)
    ended = store.record_run(made.id, RunState.CANCELED)

    assert code == -signal.SIGINT
    with pytest.raises(UsageError, match="has ended: it is CANCELED"):
        api.stop_run(store, ended)


def test_resume__run_on_cluster__is_refused(store: RunStore, notebook: Path) -> None:
    """A cluster continues no runs; running the rest here would be something else."""
    made = recorded(store)

    with pytest.raises(UsageError, match="which continues no runs"):
        api.resume(made.id, home=store.home)

    assert notebook.is_file()


def test_known_clusters__added__are_kept_without_secrets(tmp_path: Path) -> None:
    """What reaches them is; a later word replaces an earlier one."""
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "kept")}
    known = KnownClusters(environ)
    secret = ClusterSettings(
        host="https://example.com/",
        token="s3cr",
        cookies="s3cr",
        service_account="of a notebook",
        iap_other_client_secret="s3cr",
        ssl_ca_cert="/ca.pem",
    )

    known.add(secret)
    known.add(replace(secret, ssl_ca_cert="/other.pem"))

    text = (tmp_path / "kept" / "kernelpipe" / "clusters.json").read_text(encoding="utf-8")
    assert json.loads(text) == {
        "clusters": [{"host": "https://example.com/", "ssl_ca_cert": "/other.pem"}]
    }
    found = known.named("example.com")
    assert found is not None
    assert found.ssl_ca_cert == "/other.pem"
    assert known.named("https://localhost") is None


def test_known_clusters__file_is_broken__is_as_if_there_were_none(tmp_path: Path) -> None:
    """Nothing fails for it."""
    path = tmp_path / "kept" / "kernelpipe" / "clusters.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"clusters": [1, {"host": "http://localhost", "proxy": 3}]}', encoding="utf-8")

    known = KnownClusters({"XDG_CONFIG_HOME": str(tmp_path / "kept")})

    assert known.named("http://127.0.0.1") is None


@pytest.mark.parametrize(
    ("given", "metadata", "environ", "expected"),
    [
        pytest.param(
            ClusterSettings(host="http://localhost", namespace="on"),
            {"host": "http://example.org", "namespace": "nn"},
            {"KF_PIPELINES_ENDPOINT": "http://127.0.0.1", "KERNELPIPE_KFP_NAMESPACE": "en"},
            ("http://localhost", "on"),
            id="options first",
        ),
        pytest.param(
            ClusterSettings(),
            {"host": "http://example.org", "namespace": "nn"},
            {"KF_PIPELINES_ENDPOINT": "http://127.0.0.1", "KERNELPIPE_KFP_NAMESPACE": "en"},
            ("http://127.0.0.1", "en"),
            id="then the environment",
        ),
        pytest.param(
            ClusterSettings(host="http://localhost"),
            {"namespace": "nn"},
            {},
            ("http://localhost", "nn"),
            id="then the notebook",
        ),
        pytest.param(ClusterSettings(), {}, {}, (None, None), id="nothing"),
    ],
)
def test_chosen_cluster__several_say_it__order_is_kept(
    tmp_path: Path,
    given: ClusterSettings,
    metadata: dict[str, str],
    environ: dict[str, str],
    expected: tuple[str | None, str | None],
) -> None:
    """Options, environment, notebook."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("x = 1", "step:a"),
        metadata={"kernelpipe": {"version": 1, "cluster": metadata}},
    )

    found = chosen_cluster(
        given,
        pipeline=api.graph(path, include_tests=False),
        environ=environ | {"XDG_CONFIG_HOME": str(tmp_path / "kept")},
    )

    assert (found.host, found.namespace) == expected


def test_chosen_cluster__certificates_were_not_checked_once__are_checked_again(
    tmp_path: Path,
) -> None:
    """What reaches the cluster is remembered, but not that."""
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "kept")}
    KnownClusters(environ).add(
        ClusterSettings(host="https://localhost", token_file="/token", is_tls_verified=False)
    )

    found = chosen_cluster(
        ClusterSettings(host="https://localhost"), pipeline=None, environ=environ
    )

    assert found == ClusterSettings(host="https://localhost", token_file="/token")
