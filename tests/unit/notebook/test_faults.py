"""Wrong values in tags: each kind of mistake, its code and what the hint proposes."""

import kit
import pytest

from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.notebook import parse_notebook


def _found(*tags: str) -> list[Diagnostic]:
    content = kit.notebook(kit.code("x = 1", "step:a", *tags))
    return list(parse_notebook(kit.encode(content), path="n.ipynb").diagnostics)


@pytest.mark.parametrize(
    ("tag", "code", "message", "hint"),
    [
        ("cpu:0", "KP114", "'0' is no number of CPUs", "write cpu:2 or cpu:500m"),
        ("cpu:2k", "KP114", "'2k' is no number of CPUs", "write cpu:2 or cpu:500m"),
        ("memory:4GB", "KP115", "'4GB' is no amount of memory", "did you mean 'memory:4Gi'?"),
        ("memory:4gb", "KP115", "'4gb' is no amount of memory", "did you mean 'memory:4Gi'?"),
        ("memory:500 MiB", "KP115", "'500 MiB' is no amount", "did you mean 'memory:500Mi'?"),
        ("memory:4", "KP115", "'4' is 4 bytes, which is", "did you mean 'memory:4Gi'?"),
        ("memory:400m", "KP115", "'400m' is 0.4 bytes", "did you mean 'memory:400Mi'?"),
        ("memory:lots", "KP115", "'lots' is no amount", "write memory:4Gi or memory:500Mi"),
        ("gpu:two", "KP116", "'two' is no whole number", "write gpu:1"),
        ("limit:cpu", "KP117", "it needs a resource and an amount", "write limit:RESOURCE:AMOUNT"),
        ("limit:a b:1", "KP117", "it needs a resource", "write limit:RESOURCE:AMOUNT"),
        ("limit:x.y/fpga:one", "KP117", "'one' is no amount", "write limit:x.y/fpga:1"),
        ("limit:amd.com/gpu:.5", "KP116", "'.5' is no whole number", "write limit:amd.com/gpu:1"),
        ("limit:memory:4", "KP115", "'4' is 4 bytes", "did you mean 'memory:4Gi'?"),
        ("retry:-1", "KP118", "'-1' is no whole number", "write retry:2"),
        ("timeout:0", "KP119", "'0' is no length of time", "write timeout:90s"),
        ("timeout:1.2.3", "KP119", "'1.2.3' is no length of time", "write timeout:90s"),
        ("timeout:10 minutes", "KP119", "'10 minutes' is no length", "write timeout:90s"),
        ("cache:ON", "KP120", "'ON' is neither 'on' nor 'off'", "did you mean 'cache:on'?"),
        ("cache:false", "KP120", "'false' is neither", "did you mean 'cache:off'?"),
        ("report:maybe", "KP120", "'maybe' is neither", "write report:on or report:off"),
        (
            "register:a/b",
            "KP136",
            "'a/b' cannot name a model",
            "did you mean 'register:a-b'?",
        ),
        ("register:/", "KP136", "'/' cannot name a model", "write register:NAME or"),
        ("register:a:1b", "KP136", "'1b' is no variable", "write register:NAME or"),
        ("register:a:", "KP136", "'' is no variable", "write register:NAME or"),
        ("register:a:class", "KP136", "'class' is no variable", "write register:NAME or"),
        ("env:A", "KP121", "it needs a name and a text", "write env:NAME:TEXT"),
        ("env:1A:x", "KP121", "'1A' cannot name a variable", "write env:NAME:TEXT"),
        ("secret:a:b", "KP122", "it needs a secret, a key", "write secret:SECRET:KEY:VARIABLE"),
        ("secret:A:b:C", "KP122", "'A' cannot name a secret", "write secret:SECRET:KEY:VARIABLE"),
        ("secret:a:b c:C", "KP122", "'b c' cannot name a key", "write secret:SECRET"),
        ("secret:a:b:C-D", "KP122", "'C-D' cannot name a variable", "write secret:SECRET"),
        ("label:team", "KP123", "it needs a key and a text", "write label:KEY:TEXT"),
        ("label:-a:b", "KP123", "'-a' cannot be a key", "write label:KEY:TEXT"),
        ("label:a:b c", "KP123", "'b c' cannot be the text of a label", "at most 63"),
        ("annotation:a b:c", "KP123", "'a b' cannot be a key", "write annotation:KEY:TEXT"),
        ("when:acc >", "KP124", "'acc >' is no Python expression", "write when:EXPRESSION"),
        ("when:acc\0", "KP124", "is no Python expression", "write when:EXPRESSION"),
        ("foreach:lr", "KP125", "it needs a variable and a list", "write foreach:NAME in LIST"),
        ("foreach:if in rates", "KP125", "'if' cannot name a variable", "write foreach:NAME in"),
        ("foreach:lr in a[0]", "KP125", "'a[0]' cannot name a variable", "write foreach:NAME in"),
        ("image:Team/App:1", "KP126", "no image reference", "did you mean 'image:team/app:1'?"),
        ("image:App", "KP126", "no image reference", "did you mean 'image:app'?"),
        ("image: a:1", "KP126", "no image reference", "did you mean 'image:a:1'?"),
        ("image:a b", "KP126", "no image reference", "write image:python:3.12"),
        ("cpu: ", "KP113", "there is nothing after the colon", "write cpu:2 or cpu:500m"),
        ("step:load data", "KP111", "is no step name", "did you mean 'step:load_data'?"),
        ("step:2nd", "KP111", "is no step name", "did you mean 'step:_2nd'?"),
        ("block: x", "KP111", "is no step name", "did you mean 'block:x'?"),
        ("step:???", "KP111", "is no step name", "letters, digits, '_' and '-'"),
        ("prev:b,c d", "KP112", "is no step name", "did you mean 'prev:b' and 'prev:c_d'?"),
        ("prev:?", "KP112", "is no step name", None),
        ("after:", "KP113", "there is nothing after the colon", "write after:STEP"),
        ("notebook:x", "KP127", "is not supported yet", "copy that notebook's cells"),
        ("on-exit:now", "KP128", "'on-exit' takes no value", "write 'on-exit'"),
    ],
)
def test_tag__wrong_value__is_found_with_a_hint(
    tag: str, code: str, message: str, hint: str | None
) -> None:
    """The finding names the tag and, where it can be known, what was meant."""
    (found,) = _found(tag)

    assert (found.code, found.location.cell_index) == (code, 0)
    assert found.message.startswith(f"tag '{tag}': ")
    assert message in found.message
    assert (found.hint or "").startswith(hint or "")
    assert (found.hint is None) == (hint is None)


@pytest.mark.parametrize(
    ("tags", "codes"),
    [
        (("cpu:1", "limit:cpu:1"), []),
        (("cpu:1", "limit:cpu:2"), ["KP133"]),
        (("env:A:1", "env:B:1"), []),
        (("env:A:1", "env:A:2"), ["KP133"]),
        (("limit:nvidia.com/gpu:1", "gpu:1"), []),
        (("limit:nvidia.com/gpu:1", "limit:amd.com/gpu:1"), ["KP133"]),
        (("retry:1", "retry:1"), ["KP132"]),
        (("timeout:60s", "timeout:1m"), []),
    ],
)
def test_tags__same_setting_twice__must_agree(tags: tuple[str, ...], codes: list[str]) -> None:
    """Two ways to write one value are one value."""
    assert [d.code for d in _found(*tags)] == codes
