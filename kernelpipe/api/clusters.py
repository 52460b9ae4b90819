"""Submitting a notebook to a Kubeflow cluster: which cluster, what is sent, what is recorded."""

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from kernelpipe._version import __version__
from kernelpipe.api.operations import OnDiagnostic, PathLike, compile_notebook, graph
from kernelpipe.api.running import find_runs
from kernelpipe.backends.kfp.carried_files import check_paths
from kernelpipe.backends.kfp.cluster import (
    Calls,
    ClusterSettings,
    Connection,
    KnownClusters,
    Submission,
    prepare,
    run_page,
    send,
    user_namespace,
)
from kernelpipe.compiler import check_parameters
from kernelpipe.errors import ClusterError, RunInterruptedError, SubmissionLostError, UsageError
from kernelpipe.model.diagnostic import Diagnostic, Severity
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.model.run import ClusterFacts, Run, RunFacts
from kernelpipe.notebook import replace_file
from kernelpipe.runs import RunStore
from kernelpipe.runs.notebooks import SNAPSHOT
from kernelpipe.runtime.notebook import python_text

if TYPE_CHECKING:
    from kernelpipe.backends.local import Reporter

PIPELINE_FILE = "pipeline.yaml"
"""In the directory of a run on a cluster: what was submitted."""
_LOGIN = ("token", "token_file", "cookies", "iap_client_id", "iap_other_client_id")
Connect = Callable[[ClusterSettings], Calls]


class SubmitOptions(TypedDict, total=False):
    """How to submit; each is an option of the command."""

    wait: bool
    """Whether to wait for the end of the run; False unless given."""

    cluster: ClusterSettings
    """Which cluster and how to log in; what is missing comes from the environment, then from the
    notebook's metadata, which name no secrets."""
    name: str | None
    """Of the run on the cluster; None means the pipeline's with the run's id."""
    home: PathLike | None
    """Where the run is recorded; None means ``.kernelpipe`` beside the notebook."""
    merge: bool | None
    """Run linear chains of steps in one pod; None means as the notebook's metadata say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A notebook that is ready for a cluster."""

    pipeline: Pipeline
    text: str
    """The IR YAML."""
    given: Mapping[str, object]
    """Parameter name -> JSON value, of those that are given; checked."""
    settings: ClusterSettings
    merged: Mapping[str, tuple[StepName, ...]] = field(default_factory=dict)
    """Tasks that run several steps -> these in order."""

    def parameters(self) -> str:
        """Return the values of all parameters, defaults included, as JSON text."""
        defaults = {each.name: json.loads(each.default) for each in self.pipeline.parameters}
        return json.dumps(defaults | dict(self.given))

    def files(self) -> dict[str, bytes]:
        """Return what is kept of it with each of its runs: name -> content.

        Raises:
            UsageError: If the notebook is gone.
        """
        source = Path(self.pipeline.path)
        try:
            content = source.read_bytes()
        except OSError as error:
            raise UsageError(f"cannot read {source}: {error.strerror}") from error
        return {SNAPSHOT: content, PIPELINE_FILE: self.text.encode()}

    def cluster_facts(self, calls: Calls, *, experiment_id: str) -> ClusterFacts:
        """Return where its runs are."""
        settings = calls.settings
        facts = ClusterFacts(
            host=settings.host or "",
            namespace=user_namespace(settings) or "",
            experiment=settings.experiment or "",
            experiment_id=experiment_id,
        )
        if self.merged:
            facts["merged"] = {task: list(steps) for task, steps in self.merged.items()}
        items = self._items()
        return ClusterFacts(**facts, items=items) if items else facts

    def _items(self) -> dict[str, list[str]]:
        """Return step that runs once per item -> each item as Python."""
        values = json.loads(self.parameters())
        return {
            step.name: [
                f"{step.loop.variable} = {python_text(item)}"
                for item in values[step.loop.parameter]
            ]
            for step in self.pipeline.steps
            if step.loop is not None
        }

    def run_facts(self, files: Mapping[str, bytes], cluster: ClusterFacts) -> RunFacts:
        """Return what is recorded of each of its runs."""
        return RunFacts(
            version=__version__,
            notebook_sha256=hashlib.sha256(files[SNAPSHOT]).hexdigest(),
            given=sorted(self.given),
            cluster=cluster,
        )


def submit(
    notebook: PathLike | Pipeline,
    parameters: Mapping[str, object] | None = None,
    *,
    on_diagnostic: OnDiagnostic | None = None,
    reporter: "Reporter | None" = None,
    connect: Connect = Connection,
    **options: Unpack[SubmitOptions],
) -> Run:
    """Start a run of a notebook on a Kubeflow cluster, and record it beside the runs of here.

    Args:
        notebook: Path of the notebook, or what :func:`graph` returned for it without tests.
        parameters: Values by parameter name; the rest keep their defaults.
        on_diagnostic: Is called with each warning, in notebook order.
        reporter: Is told how the run goes that is waited for; None means nobody is.
        connect: Makes a connection.
        options: See :class:`SubmitOptions`.

    Returns:
        The run: as it ended if it was waited for, else PENDING, and :func:`refresh_runs` and
        :func:`follow_run` tell how it goes.

    Raises:
        UsageError: If no cluster is named, or a parameter is wrong; nothing was started.
        NotebookReadError: If the file is not a readable notebook.
        CompileError: If the notebook has errors, or uses what Kubeflow cannot do.
        ClusterError: If the cluster cannot be reached or refuses; nothing was started.
        SubmissionLostError: If the cluster stopped answering; the run is recorded, and whether the
            cluster has it is found out when it is asked for.
        RunInterruptedError: Likewise, if Ctrl-C came meanwhile; a run that is only waited for goes
            on.
    """
    compiled = compile_for(
        notebook,
        parameters,
        options.get("cluster") or ClusterSettings(),
        on_diagnostic,
        merge=options.get("merge"),
    )
    calls = connect(compiled.settings)
    name = options.get("name")
    prepared = prepare(
        calls,
        compiled.text,
        parameters=compiled.given,
        name=name or compiled.pipeline.name,
        token=secrets.token_hex(8),
    )
    KnownClusters(os.environ).add(compiled.settings)
    store = find_runs(compiled.pipeline.path, home=options.get("home"))
    run = _record(store, compiled, prepared, calls)
    sent = _send(
        store, run, calls, prepared if name else prepared.named(f"{run.pipeline} {run.id}")
    )
    if not options.get("wait"):
        return sent
    from kernelpipe.api.cluster_runs import follow_run  # noqa: PLC0415  # what others do without
    from kernelpipe.backends.local import SilentReporter  # noqa: PLC0415  # likewise

    # The connection that is there knows a login, too, that was given and is not remembered.
    reporter = reporter or SilentReporter()
    return follow_run(store, sent, reporter=reporter, connect=lambda _settings: calls)


def compile_for(
    notebook: PathLike | Pipeline,
    parameters: Mapping[str, object] | None,
    cluster: ClusterSettings,
    on_diagnostic: OnDiagnostic | None,
    *,
    merge: bool | None = None,
) -> Compiled:
    """Return what can be sent to a cluster; nothing is asked of it.

    Raises:
        UsageError: If no cluster is named or known, or a parameter is wrong.
        NotebookReadError: If the file is not a readable notebook.
        CompileError: If the notebook has errors, or uses what Kubeflow cannot do.
    """

    def hand_on(found: Diagnostic) -> None:
        # What is merely to be chosen when it is submitted is chosen here.
        if on_diagnostic is not None and found.severity is not Severity.INFO:
            on_diagnostic(found)

    pipeline = notebook if isinstance(notebook, Pipeline) else graph(notebook, include_tests=False)
    merged: dict[str, tuple[StepName, ...]] = {}
    text = compile_notebook(pipeline, on_diagnostic=hand_on, merge=merge, on_merged=merged.update)
    given = check_parameters(pipeline, parameters or {})
    check_paths(pipeline, given)
    return Compiled(
        pipeline=pipeline,
        text=text,
        given=given,
        settings=chosen_cluster(cluster, pipeline=pipeline, environ=os.environ),
        merged=merged,
    )


def chosen_cluster(
    given: ClusterSettings, *, pipeline: Pipeline | None, environ: Mapping[str, str]
) -> ClusterSettings:
    """Return which cluster to use: as given, else as the environment says, else the notebook.

    What was remembered of the cluster (not the login) is used again.

    Args:
        given: By options.
        pipeline: Of the notebook, None if there is none.
        environ: Environment variables.

    Raises:
        UsageError: If only the notebook names it and the user has never done so.
    """
    known = KnownClusters(environ)
    wishes = pipeline.settings if pipeline is not None else None
    place = wishes.cluster if wishes is not None else None
    if wishes is not None:
        given = replace(
            given,
            experiment=given.experiment or wishes.experiment,
            service_account=given.service_account or wishes.service_account,
        )
    found = given.filled_from(environ)
    if found.host is None and place is not None and place.host:
        remembered = known.named(place.host)
        if remembered is None:
            raise UsageError(
                f"the notebook names the cluster {place.host}, which you have not used before",
                hint=f"'--host {place.host}' says that it may have your login; "
                "from then on the notebook's word is enough",
            )
        found = _merged(replace(found, host=place.host), remembered)
    elif found.host is not None:
        found = _merged(found, known.named(found.host))
    if place is not None and place.namespace and not found.namespace:
        found = replace(found, namespace=place.namespace)
    return found


def _merged(given: ClusterSettings, remembered: ClusterSettings | None) -> ClusterSettings:
    """Return what is given, with what was remembered where nothing is.

    That certificates need not be checked has to be said each time.
    """
    if remembered is None:
        return given
    has_login = any((given.token, given.token_file, given.cookies, given.iap_client_id))
    left_out = {"is_tls_verified", *(_LOGIN if has_login else ())}
    values = {
        each.name: getattr(remembered, each.name)
        for each in fields(given)
        if getattr(given, each.name) == each.default and each.name not in left_out
    }
    return replace(given, **values)


def _record(store: RunStore, compiled: Compiled, prepared: Submission, calls: Calls) -> Run:
    """Write down that the run is about to be sent, with all that finds it again on the cluster."""
    files = compiled.files()
    cluster = compiled.cluster_facts(calls, experiment_id=prepared.experiment_id)
    run = store.create(
        pipeline=compiled.pipeline.name,
        source=Path(compiled.pipeline.path),
        parameters=compiled.parameters(),
        steps=[step.name for step in compiled.pipeline.steps],
        facts=compiled.run_facts(files, ClusterFacts(token=prepared.token, **cluster)),
    )
    keep_files(run, files)
    return run


def keep_files(run: Run, files: Mapping[str, bytes]) -> None:
    """Write files to the directory of a run."""
    for name, content in files.items():
        replace_file(Path(run.directory, name), content)


def _send(store: RunStore, run: Run, calls: Calls, prepared: Submission) -> Run:
    try:
        remote_id = send(calls, prepared)
    except SubmissionLostError as error:
        store.hand_over(run.id, ClusterFacts(problem=str(error).partition("\n")[0]))
        lost = SubmissionLostError(
            str(error).partition("\n")[0],
            status=error.status,
            hint=f"'kernelpipe runs show {run.id}' finds out whether the cluster has it; "
            "do not submit it again before",
        )
        lost.run_id = run.id
        raise lost from error
    except ClusterError as error:
        store.hand_over(run.id, ClusterFacts(problem=str(error), is_missing=True))
        store.remove(run.id)
        raise
    except KeyboardInterrupt as error:
        # Nobody sends it any more, even if this process goes on.
        store.hand_over(run.id, ClusterFacts(problem="it was interrupted while it was submitted"))
        raise RunInterruptedError(
            f"interrupted while run {run.id} was submitted: the cluster may have it\n"
            f"  hint: 'kernelpipe runs show {run.id}' finds out",
            run_id=run.id,
        ) from error
    return store.hand_over(run.id, ClusterFacts(run_id=remote_id, page=run_page(calls, remote_id)))
