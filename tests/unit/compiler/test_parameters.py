"""Tests of checking the parameters that a run is given."""

import math
from dataclasses import replace
from typing import Any

import pytest

from kernelpipe.compiler import check_parameters, parse_parameters
from kernelpipe.errors import UsageError
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Cell, CellRole
from kernelpipe.model.pipeline import Parameter, ParameterType, Pipeline, SetupCell, Step
from kernelpipe.model.settings import PipelineSettings

SOURCE = "lr = 0.1\ndouble = lr * 2"


def _pipeline(*parameters: Parameter) -> Pipeline:
    cell = Cell(
        index=1,
        id="c1",
        source=SOURCE,
        location=Location(path="nb.ipynb", cell_index=1),
        role=CellRole.PARAMETERS,
    )
    step = Step(
        name=StepName("s"),
        cells=(replace(cell, index=2, role=CellRole.STEP),),
        tests=(),
        setup=(SetupCell(cell=cell, source=SOURCE),),
        after=(),
        inputs=(),
        outputs=(),
        metrics=(),
    )
    return Pipeline(
        name="p",
        path="nb.ipynb",
        kernel_name=None,
        settings=PipelineSettings(),
        parameters=parameters,
        steps=(step,),
        edges=(),
    )


def _parameter(
    kind: ParameterType, default: str = "null", *, name: str = "lr", nullable: bool = False
) -> Parameter:
    return Parameter(name=name, type=kind, default=default, is_nullable=nullable, cell_index=1)


class _Text(str):
    """A str of another class, such as ``numpy.str_``."""

    __slots__ = ()


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        pytest.param(ParameterType.STRING, "a", "a", id="str"),
        pytest.param(ParameterType.STRING, _Text("a"), "a", id="str of another class"),
        pytest.param(ParameterType.INTEGER, 3, 3, id="int"),
        pytest.param(ParameterType.DOUBLE, 0.5, 0.5, id="float"),
        pytest.param(ParameterType.DOUBLE, 1, 1.0, id="int for float"),
        pytest.param(ParameterType.DOUBLE, math.inf, math.inf, id="infinity"),
        pytest.param(ParameterType.BOOLEAN, True, True, id="bool"),
        pytest.param(ParameterType.LIST, [1, [2.5, None]], [1, [2.5, None]], id="list"),
        pytest.param(ParameterType.LIST, (1, (2,)), [1, [2]], id="tuple for list"),
        pytest.param(ParameterType.STRUCT, {"a": {"b": True}}, {"a": {"b": True}}, id="dict"),
        pytest.param(ParameterType.ANY, {"a": (1,)}, {"a": [1]}, id="any"),
        pytest.param(ParameterType.ANY, None, None, id="None for any"),
    ],
)
def test_check_parameters__fitting_value__is_plain_json(
    kind: ParameterType, value: Any, expected: Any
) -> None:
    """Values come out as JSON brings them back."""
    found = check_parameters(_pipeline(_parameter(kind)), {"lr": value})

    assert found == {"lr": expected}
    assert type(found["lr"]) is type(expected)


@pytest.mark.parametrize(
    ("kind", "default", "value", "message"),
    [
        pytest.param(
            ParameterType.STRING,
            '"a"',
            5,
            r"takes str .*default is \"a\"\), not 5 \(int\)",
            id="str",
        ),
        pytest.param(ParameterType.INTEGER, "1", 1.5, r"takes int .*not 1\.5 \(float\)", id="int"),
        pytest.param(ParameterType.INTEGER, "1", True, r"not True \(bool\)", id="bool for int"),
        pytest.param(
            ParameterType.DOUBLE, "1.0", "x", r"takes float .*not 'x' \(str\)", id="float"
        ),
        pytest.param(
            ParameterType.DOUBLE, "1.0", False, r"not False \(bool\)", id="bool for float"
        ),
        pytest.param(
            ParameterType.BOOLEAN,
            "true",
            "yes",
            "(?s)not 'yes'.*hint: write true or false",
            id="bool",
        ),
        pytest.param(
            ParameterType.LIST, "[]", "a,b", r"(?s)hint: write it as '\[a, b\]'", id="list"
        ),
        pytest.param(
            ParameterType.STRUCT, "{}", [1], r"takes dict .*not \[1\] \(list\)", id="dict"
        ),
        pytest.param(ParameterType.STRING, '"a"', None, r"takes str .*not null", id="None"),
        pytest.param(
            ParameterType.STRING,
            f'"{"a" * 99}"',
            1,
            r'default is "a{56}\.\.\.\)',
            id="long default",
        ),
        pytest.param(ParameterType.DOUBLE, "1.0", 10**400, "too large for a float", id="huge int"),
        pytest.param(ParameterType.ANY, "null", {1, 2}, r"not plain JSON: .* type set", id="set"),
        pytest.param(ParameterType.STRUCT, "{}", {1: 2}, "the key 1 is not text", id="number key"),
    ],
)
def test_check_parameters__other_type__names_everything(
    kind: ParameterType, default: str, value: Any, message: str
) -> None:
    """The message names parameter, type, default and value."""
    with pytest.raises(UsageError, match=message) as caught:
        check_parameters(_pipeline(_parameter(kind, default)), {"lr": value})

    assert str(caught.value).startswith("parameter 'lr'")


def test_check_parameters__value_that_contains_itself__is_refused() -> None:
    """A cycle is not JSON; it must not end in a traceback."""
    value: list[object] = []
    value.append(value)

    with pytest.raises(UsageError, match="it contains itself"):
        check_parameters(_pipeline(_parameter(ParameterType.LIST)), {"lr": value})


def test_check_parameters__none_for_nullable__is_none() -> None:
    """None is accepted where the default or the annotation says so."""
    pipeline = _pipeline(_parameter(ParameterType.INTEGER, nullable=True))

    assert check_parameters(pipeline, {"lr": None}) == {"lr": None}


def test_check_parameters__nullable_mismatch__says_that_null_fits() -> None:
    """The expected type in the message includes null."""
    pipeline = _pipeline(_parameter(ParameterType.INTEGER, nullable=True))

    with pytest.raises(UsageError, match="takes int or null"):
        check_parameters(pipeline, {"lr": "x"})


def test_check_parameters__several__are_in_notebook_order() -> None:
    """The order of the answer does not depend on the order of the request."""
    pipeline = _pipeline(
        _parameter(ParameterType.INTEGER, name="b"), _parameter(ParameterType.INTEGER, name="a")
    )

    assert list(check_parameters(pipeline, {"a": 1, "b": 2})) == ["b", "a"]


def test_check_parameters__unknown_name__suggests_the_nearest() -> None:
    """The hint has the nearest name and all others."""
    pipeline = _pipeline(
        _parameter(ParameterType.DOUBLE, name="learning_rate"),
        _parameter(ParameterType.INTEGER, name="epochs"),
    )

    with pytest.raises(UsageError) as caught:
        check_parameters(pipeline, {"learnin_rate": 1})

    assert str(caught.value) == (
        "'learnin_rate' is not a parameter of nb.ipynb\n"
        "  hint: did you mean 'learning_rate'? its parameters are: learning_rate, epochs"
    )


def test_check_parameters__notebook_without_parameters__says_so() -> None:
    """There is nothing to suggest."""
    with pytest.raises(UsageError, match="it has no parameters"):
        check_parameters(_pipeline(), {"x": 1})


def test_check_parameters__derived_name__is_explained() -> None:
    """A name that the parameters cell computes cannot be set."""
    pipeline = _pipeline(_parameter(ParameterType.DOUBLE, "0.1"))

    with pytest.raises(UsageError, match="'double' is not a parameter: cell 1 computes it"):
        check_parameters(pipeline, {"double": 1})


def test_parse_parameters__texts__are_read_by_type() -> None:
    """The same text means another thing for another type."""
    pipeline = _pipeline(
        _parameter(ParameterType.STRING, name="name"),
        _parameter(ParameterType.INTEGER, name="n"),
        _parameter(ParameterType.STRING, name="maybe", nullable=True),
    )

    found = parse_parameters(pipeline, {"name": "5", "n": "5", "maybe": "null"})

    assert found == {"name": "5", "n": 5, "maybe": None}


def test_parse_parameters__unknown_name__is_refused_before_its_text() -> None:
    """A wrong name is told even if the value is broken."""
    with pytest.raises(UsageError, match="'x' is not a parameter"):
        parse_parameters(_pipeline(), {"x": "[1"})


def test_parse_parameters__broken_text__names_the_parameter() -> None:
    """YAML's reason comes with the parameter."""
    pipeline = _pipeline(_parameter(ParameterType.LIST))

    with pytest.raises(UsageError, match="parameter 'lr': not valid YAML"):
        parse_parameters(pipeline, {"lr": "[1"})
