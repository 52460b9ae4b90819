"""What came of each step of a run in which tasks held several."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kernelpipe.backends.kfp.local_run import METRICS_FILE, REPORT_FILE, LocalKfpRun, read_json
from kernelpipe.model.names import StepName
from kernelpipe.runtime.pod_chain import BEGINS, DONE


def told_apart(
    run: LocalKfpRun, merged: Mapping[str, Sequence[StepName]], names: Mapping[StepName, str]
) -> LocalKfpRun:
    """Return a run as if each step had been a task of its own.

    Args:
        run: Of a pipeline in which tasks run several steps.
        merged: The tasks that do -> their steps in order.
        names: Step -> what its own task would be called.
    """
    steps = [step for chain in merged.values() for step in chain]
    started = {names[step] for step in steps if _began(step, run.log)}
    done = {names[step] for step in steps if DONE.format(name=step) in run.log}
    own = {key: path for key, path in run.values.items() if key[0] not in merged}
    metrics = dict(run.metrics)
    for (task, port), path in run.values.items():
        step, _, name = port.partition("--")
        if task not in merged or name == REPORT_FILE:
            continue
        if name == METRICS_FILE:
            metrics[step] = read_json(path)
        else:
            own[step, name] = path
    return replace(
        run,
        started=run.started - merged.keys() | started,
        succeeded=run.succeeded - merged.keys() | done,
        metrics=metrics,
        values=own,
    )


def _began(step: StepName, log: str) -> bool:
    return BEGINS.partition("{number}")[0].format(name=step) in log
