"""Gates and the on-exit step in the IR."""

import ast
import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from kfp_specs import parameter, pipeline, task

from kernelpipe.backends.kfp import check_pipeline, emit_ir, validate_ir
from kernelpipe.backends.kfp.cel import CelError, cel_condition
from kernelpipe.compiler.task import Task
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Gate, Parameter, ParameterType
from kernelpipe.model.settings import StepSettings

JSON = dict[str, Any]

PARAMETERS = {
    each.name: each
    for each in (
        parameter("lr", 0.1, ParameterType.DOUBLE),
        parameter("n", 3, ParameterType.INTEGER),
        parameter("mode", "full", ParameterType.STRING),
        parameter("go", True, ParameterType.BOOLEAN),
        parameter("rows", [1], ParameterType.LIST),
        parameter("limit", None, ParameterType.INTEGER, is_nullable=True),
    )
}


def gated(
    step: Task, expression: str, *metrics: tuple[str, str], names: tuple[str, ...] = ()
) -> Task:
    """Return ``step`` behind a gate over ``metrics`` (name, step) and parameters ``names``."""
    gate = Gate(
        expression=expression,
        metrics=tuple((name, StepName(producer)) for name, producer in metrics),
        parameters=names,
    )
    return replace(step, gate=gate, settings=StepSettings(when=expression))


def emitted(*tasks: Task, parameters: tuple[Parameter, ...] = ()) -> JSON:
    """Return the emitted pipeline spec."""
    document: JSON = yaml.safe_load(emit_ir(pipeline(*tasks, parameters=parameters), tasks))
    return document


def test_gate__metrics__are_told_by_the_step_that_reports_them() -> None:
    """The condition stands at the gated task and at all that come after it."""
    spec = emitted(
        task("fit", metrics=("acc",), parameters=[PARAMETERS["lr"]]),
        gated(task("publish", after=["fit"]), "acc > n", ("acc", "fit"), names=("n",)),
        task("tell", after=["publish"]),
        task("other", after=["fit"]),
        parameters=(PARAMETERS["lr"], PARAMETERS["n"]),
    )

    tasks, components = spec["root"]["dag"]["tasks"], spec["components"]
    condition = "inputs.parameter_values['pipelinechannel--fit--gate-publish'] != 'closed'"
    source = {"taskOutputParameter": {"producerTask": "fit", "outputParameterKey": "gate-publish"}}
    assert tasks["publish"]["triggerPolicy"] == {"condition": condition}
    assert tasks["tell"]["triggerPolicy"] == {"condition": condition}
    assert tasks["tell"]["dependentTasks"] == ["fit", "publish"]
    assert tasks["tell"]["inputs"]["parameters"] == {"pipelinechannel--fit--gate-publish": source}
    assert "triggerPolicy" not in tasks["fit"]
    assert "triggerPolicy" not in tasks["other"]
    assert components["comp-fit"]["outputDefinitions"]["parameters"] == {
        "gate-publish": {"parameterType": "STRING"}
    }
    assert sorted(components["comp-fit"]["inputDefinitions"]["parameters"]) == ["lr", "n"]


def test_gate__parameters__are_looked_at_by_the_driver() -> None:
    """No step has to run for it; a task behind two gates has both conditions."""
    spec = emitted(
        gated(task("a"), "go", names=("go",)),
        gated(task("b"), "mode == 'full'", names=("mode",)),
        task("both", after=["a", "b"]),
        parameters=(PARAMETERS["go"], PARAMETERS["mode"]),
    )

    both = spec["root"]["dag"]["tasks"]["both"]
    assert both["triggerPolicy"]["condition"] == (
        "inputs.parameter_values['go'] && (inputs.parameter_values['mode'] == \"full\")"
    )
    assert both["inputs"]["parameters"] == {
        "go": {"componentInputParameter": "go"},
        "mode": {"componentInputParameter": "mode"},
    }


@pytest.mark.parametrize(
    ("expression", "condition"),
    [
        ("lr > 1", "([lr] > 1.0)"),
        ("0 < n <= 3", "((0.0 < [n]) && ([n] <= 3.0))"),
        ("not go or n == -1", "(!([go]) || ([n] == (-1.0)))"),
        ("n * 2 - +1 >= lr + n", "((([n] * 2.0) - (1.0)) >= ([lr] + [n]))"),
        ("mode in ['a', 'b']", '([mode] in ["a", "b"])'),
        ("mode not in ('a',)", '!([mode] in ["a"])'),
        ("True != go", "(true != [go])"),
        ("False", "false"),
    ],
)
def test_cel_condition__same_meaning__is_written(expression: str, condition: str) -> None:
    """Every number is a double, and operators are in brackets."""
    names = {n.id for n in ast.walk(ast.parse(expression)) if isinstance(n, ast.Name)}
    gate = Gate(expression=expression, metrics=(), parameters=tuple(sorted(names)))

    wanted = re.sub(r"\[(\w+)\]", r"inputs.parameter_values['\1']", condition)
    assert cel_condition(gate, PARAMETERS) == wanted


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("n", "'n' is a number, where KFP needs a comparison"),
        ("n and go", "'n' is a number, where KFP needs a truth"),
        ("mode > 1", "'1' is a number, where KFP needs a text"),
        ("mode + 'a' == 'b'", "'mode' is a text, where KFP needs a number"),
        ("n / 2 > 1", "'n / 2' cannot be told before any step has run"),
        ("rows == [1]", r"cannot look into the parameter 'rows' \(list\)"),
        ("limit > 1", r"cannot look into the parameter 'limit' \(int\)"),
        ("'a' in mode", "'mode' is no list of plain values"),
        ("mode is None", "compared with 'is'"),
        ("mode == None", "KFP has no None"),
    ],
)
def test_cel_condition__another_meaning__is_refused(expression: str, message: str) -> None:
    """What CEL lacks or takes in another way is told before anything runs."""
    gate = Gate(expression=expression, metrics=(), parameters=())

    with pytest.raises(CelError, match=message):
        cel_condition(gate, PARAMETERS)


def test_gate__metrics_of_several_steps__are_looked_at_by_a_chore() -> None:
    """A small task of ours receives the metrics; it stands behind the gates of the reporting."""
    spec = emitted(
        task("a", metrics=("x",)),
        gated(task("b", metrics=("y",), after=["a"]), "x > 1", ("x", "a")),
        gated(task("c", after=["a", "b"]), "x > y + n", ("x", "a"), ("y", "b"), names=("n",)),
        parameters=(PARAMETERS["n"],),
    )

    tasks = spec["root"]["dag"]["tasks"]
    of_b = "inputs.parameter_values['pipelinechannel--a--gate-b'] != 'closed'"
    of_c = "inputs.parameter_values['pipelinechannel--c-gate--gate-c'] != 'closed'"
    assert tasks["c-gate"]["dependentTasks"] == ["a", "b"]
    assert tasks["c-gate"]["triggerPolicy"] == {"condition": of_b}
    inputs = tasks["c-gate"]["inputs"]
    assert inputs["parameters"]["n"] == {"componentInputParameter": "n"}
    assert inputs["artifacts"]["b-run-metrics"] == {
        "taskOutputArtifact": {"producerTask": "b", "outputArtifactKey": "run-metrics"}
    }
    assert spec["components"]["comp-c-gate"]["outputDefinitions"]["parameters"] == {
        "gate-c": {"parameterType": "STRING"}
    }
    assert tasks["c"]["dependentTasks"] == ["a", "b", "c-gate"]
    assert tasks["c"]["triggerPolicy"] == {"condition": f"{of_b} && {of_c}"}
    assert "parameters" not in spec["components"]["comp-b"]["outputDefinitions"]


@pytest.mark.parametrize("is_cached", [True, False, None])
def test_gate_chore__is_cached_where_its_step_is(is_cached: bool | None) -> None:  # noqa: FBT001
    """Artifacts may expire: only who asks for the cluster's cache depends on what it holds."""
    last = gated(task("c", after=["a", "b"]), "x > y", ("x", "a"), ("y", "b"))
    asked = replace(last, settings=replace(last.settings, cache=is_cached))

    spec = emitted(task("a", metrics=("x",)), task("b", metrics=("y",)), asked)

    tasks = spec["root"]["dag"]["tasks"]
    for name, expected in (("a", False), ("c", is_cached is True), ("c-gate", is_cached is True)):
        assert tasks[name]["cachingOptions"] == {"enableCache": expected}


def test_gate__no_cel__is_an_error() -> None:
    """A cluster would decide something else."""
    last = gated(task("c"), "limit is None", names=("limit",))
    whole = pipeline(last, parameters=(PARAMETERS["limit"],))

    (found,) = check_pipeline(whole, (last,))

    message = (
        "step 'c': 'when:limit is None' cannot be had on a cluster: KFP cannot look into the"
        " parameter 'limit' (int)"
    )
    assert (found.code, found.severity.value, found.message) == ("KP409", "error", message)


def test_on_exit__other_steps__are_in_a_sub_dag() -> None:
    """The exit task waits for the sub-DAG and is told its final status."""
    tasks = (
        task("exit-handler-1", parameters=[PARAMETERS["lr"]]),
        task("work", after=["exit-handler-1"]),
        task("bye", parameters=[PARAMETERS["lr"]], settings=StepSettings(on_exit=True)),
    )

    spec = emitted(*tasks, parameters=(PARAMETERS["lr"],))

    wrapper = "exit-handler-1-1"
    assert spec["root"]["dag"]["tasks"] == {
        wrapper: {
            "taskInfo": {"name": wrapper},
            "componentRef": {"name": f"comp-{wrapper}"},
            "inputs": {"parameters": {"lr": {"componentInputParameter": "lr"}}},
        },
        "bye": {
            "taskInfo": {"name": "bye"},
            "componentRef": {"name": "comp-bye"},
            "cachingOptions": {"enableCache": False},
            "dependentTasks": [wrapper],
            "triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
            "inputs": {
                "parameters": {
                    "lr": {"componentInputParameter": "lr"},
                    "run-status": {"taskFinalStatus": {"producerTask": wrapper}},
                }
            },
        },
    }
    inner = spec["components"][f"comp-{wrapper}"]
    assert sorted(inner["dag"]["tasks"]) == ["exit-handler-1", "work"]
    assert inner["inputDefinitions"] == {"parameters": {"lr": {"parameterType": "NUMBER_DOUBLE"}}}


def test_validate_ir__condition_over_no_input__names_the_place() -> None:
    """A driver that misses a value of a condition stops the run."""
    spec = emitted(gated(task("a"), "go", names=("go",)), parameters=(PARAMETERS["go"],))
    spec["root"]["dag"]["tasks"]["a"]["triggerPolicy"]["condition"] += (
        " && inputs.parameter_values['gone']"
    )

    assert [str(problem) for problem in validate_ir((spec,))] == [
        "root.dag.tasks.a.triggerPolicy.condition: 'gone' is no input of the task"
    ]
