"""The tags that set something of a step: each value is parsed here, once."""

import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

from kernelpipe.model.settings import (
    NO_SETTINGS,
    ConfigMapEnv,
    Foreach,
    NamedText,
    ResourceLimit,
    SecretEnv,
    StepSettings,
)
from kernelpipe.notebook import rules, values
from kernelpipe.runtime.gates import GateSyntaxError, names_in

_LEAST_MEMORY: Final = 1 << 20
_SWITCHES: Final = {"on": True, "enabled": True, "off": False, "disabled": False}
_NEAR_SWITCHES: Final = {
    "true": "on", "yes": "on", "1": "on", "enable": "on",
    "false": "off", "no": "off", "0": "off", "disable": "off",
}  # fmt: skip
_MEMORY_HINTS: Final = re.compile(r"([0-9.]+) ?([kmgtp])?(?:i?b)?", re.IGNORECASE)
_KEYS: Final = {
    "limits": "resource",
    "config_maps": "env",
    "mounts": "path",
    "node_selector": "key",
    "env": "key",
    "secrets": "env",
    "labels": "key",
    "annotations": "key",
}
_SETS: Final = frozenset({"tolerations", "image_pull_secrets"})
"""Settings of which a step may have several; none replaces another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a tag; ``message`` follows the tag's text."""

    rule: rules.Rule
    message: str
    hint: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """Settings put together; ``conflicts`` names those that both gave, with different values."""

    settings: StepSettings
    conflicts: tuple[str, ...]


def merge_settings(first: StepSettings, second: StepSettings) -> Merged:
    """Return both together; ``second`` wins where they differ.

    Environment variables, labels and the like are joined by their key, tolerations are added.
    """
    if NO_SETTINGS in (first, second):
        return Merged(settings=second if first == NO_SETTINGS else first, conflicts=())
    changes: dict[str, object] = {}
    conflicts: list[str] = []
    for field in fields(StepSettings):
        old, new = getattr(first, field.name), getattr(second, field.name)
        if field.name in _KEYS:
            key = _KEYS[field.name]
            joined = {getattr(item, key): item for item in old}
            for item in new:
                if joined.setdefault(getattr(item, key), item) != item:
                    conflicts.append(f"{field.name} {getattr(item, key)}")
                joined[getattr(item, key)] = item
            changes[field.name] = tuple(joined.values())
        elif field.name in _SETS:
            changes[field.name] = tuple(dict.fromkeys((*old, *new)))
        elif new is not None:
            if old is not None and old != new:
                conflicts.append(field.name)
            changes[field.name] = new
    settings = replace(first, **changes)  # type: ignore[arg-type]  # each by its field's name
    return Merged(settings=settings, conflicts=tuple(conflicts))


def parse_setting(name: str, value: str) -> StepSettings | Fault:
    """Return what the tag ``name:value`` sets; ``name`` is one of ``SETTING_NAMES``."""
    if not value.strip():
        return Fault(
            rule=rules.MISSING_VALUE,
            message="there is nothing after the colon",
            hint=f"write {FORMS[name]}",
        )
    return _PARSERS[name](value)


def _image(value: str) -> StepSettings | Fault:
    if values.IMAGE.fullmatch(value):
        return StepSettings(image=value)
    near = value.strip()
    if not values.IMAGE.fullmatch(near):
        repository, colon, tag = near.rpartition(":")
        near = f"{repository.lower()}{colon}{tag}" if colon else near.lower()
    hint = f"did you mean 'image:{near}'?" if values.IMAGE.fullmatch(near) else _form("image")
    return Fault(rule=rules.IMAGE, message=f"'{value}' is no image reference", hint=hint)


def _cpu(value: str) -> StepSettings | Fault:
    amount = values.parse_quantity(value)
    if amount and re.fullmatch(r"[0-9.]+m?", value):
        return StepSettings(cpu=value)
    return Fault(rule=rules.CPU, message=f"'{value}' is no number of CPUs", hint=_form("cpu"))


def _memory(value: str) -> StepSettings | Fault:
    amount = values.parse_quantity(value)
    if amount is not None and amount >= _LEAST_MEMORY:
        return StepSettings(memory=value)
    if amount is None:
        message = f"'{value}' is no amount of memory"
    else:
        message = f"'{value}' is {amount:g} bytes, which is too little for anything"
    hint = _form("memory")
    found = _MEMORY_HINTS.fullmatch(value.strip())
    if found and float(found[1].strip(".") or 0):
        hint = f"did you mean 'memory:{found[1]}{(found[2] or 'G').upper()}i'?"
    return Fault(rule=rules.MEMORY, message=message, hint=hint)


def _gpu(value: str) -> StepSettings | Fault:
    count = values.parse_count(value)
    if count is None:
        return Fault(rule=rules.GPU, message=f"'{value}' is no whole number", hint=_form("gpu"))
    return StepSettings(gpu=count)


def _limit(value: str) -> StepSettings | Fault:
    resource, colon, amount = value.rpartition(":")
    if not colon or not values.RESOURCE.fullmatch(resource):
        return Fault(
            rule=rules.LIMIT, message="it needs a resource and an amount", hint=_form("limit")
        )
    if resource in {"cpu", "memory", "gpu"}:
        return _PARSERS[resource](amount)
    if resource.endswith("/gpu"):
        count = values.parse_count(amount)
        if count is None:
            return Fault(
                rule=rules.GPU,
                message=f"'{amount}' is no whole number",
                hint=f"write limit:{resource}:1",
            )
        return StepSettings(gpu=count, gpu_type=resource)
    if values.parse_quantity(amount) is None:
        return Fault(
            rule=rules.LIMIT, message=f"'{amount}' is no amount", hint=f"write limit:{resource}:1"
        )
    return StepSettings(limits=(ResourceLimit(resource=resource, amount=amount),))


def _request(value: str) -> StepSettings | Fault:
    resource, colon, amount = value.rpartition(":")
    if not colon or resource not in {"cpu", "memory"}:
        return Fault(
            rule=rules.LIMIT, message="only cpu and memory can be requested", hint=_form("request")
        )
    found = _PARSERS[resource](amount)
    if isinstance(found, Fault):
        hint = found.hint and re.sub(r"\b(cpu|memory):", r"request:\1:", found.hint)
        return replace(found, hint=hint)
    return StepSettings(cpu_request=found.cpu, memory_request=found.memory)


def _retry(value: str) -> StepSettings | Fault:
    count = values.parse_count(value)
    if count is None:
        return Fault(rule=rules.RETRY, message=f"'{value}' is no whole number", hint=_form("retry"))
    return StepSettings(retry=count)


def _timeout(value: str) -> StepSettings | Fault:
    seconds = values.parse_duration_s(value)
    if not seconds:
        return Fault(
            rule=rules.TIMEOUT, message=f"'{value}' is no length of time", hint=_form("timeout")
        )
    return StepSettings(timeout_s=seconds)


def _switch(name: str, value: str) -> bool | Fault:
    if value in _SWITCHES:
        return _SWITCHES[value]
    lower = value.strip().lower()
    near = lower if lower in _SWITCHES else _NEAR_SWITCHES.get(lower)
    hint = f"did you mean '{name}:{near}'?" if near else _form(name)
    return Fault(rule=rules.SWITCH, message=f"'{value}' is neither 'on' nor 'off'", hint=hint)


def _cache(value: str) -> StepSettings | Fault:
    switch = _switch("cache", value)
    return StepSettings(cache=switch) if isinstance(switch, bool) else switch


def _report(value: str) -> StepSettings | Fault:
    switch = _switch("report", value)
    return StepSettings(report=switch) if isinstance(switch, bool) else switch


def _checkpoint(value: str) -> StepSettings | Fault:
    switch = _switch("checkpoint", value)
    return StepSettings(checkpoint=switch) if isinstance(switch, bool) else switch


def _register(value: str) -> StepSettings | Fault:
    name, colon, variable = value.partition(":")
    if not values.MODEL_NAME.fullmatch(name):
        near = re.sub(r"[^\w.-]+", "-", name).strip("-")
        hint = f"did you mean 'register:{near}{colon}{variable}'?" if near else _form("register")
        return Fault(rule=rules.REGISTER, message=f"'{name}' cannot name a model", hint=hint)
    if colon and not _is_variable(variable):
        return Fault(
            rule=rules.REGISTER, message=f"'{variable}' is no variable", hint=_form("register")
        )
    return StepSettings(register=value)


def _env(value: str) -> StepSettings | Fault:
    key, colon, text = value.partition(":")
    if not colon:
        return Fault(rule=rules.ENV, message="it needs a name and a text", hint=_form("env"))
    if not values.VARIABLE.fullmatch(key):
        return Fault(rule=rules.ENV, message=f"'{key}' cannot name a variable", hint=_form("env"))
    return StepSettings(env=(NamedText(key=key, value=text),))


def _secret(value: str) -> StepSettings | Fault:
    found = _from_cluster("secret", "a secret", value)
    if isinstance(found, Fault):
        return found
    secret, key, env = found
    return StepSettings(secrets=(SecretEnv(secret=secret, key=key, env=env),))


def _config_map(value: str) -> StepSettings | Fault:
    found = _from_cluster("config-map", "a config map", value)
    if isinstance(found, Fault):
        return found
    config_map, key, env = found
    return StepSettings(config_maps=(ConfigMapEnv(config_map=config_map, key=key, env=env),))


def _from_cluster(tag: str, what: str, value: str) -> list[str] | Fault:
    """Return the three parts of a tag that fills a variable from something of the cluster."""
    parts = value.split(":")
    if len(parts) != 3:  # noqa: PLR2004  # NAME, KEY, ENV
        return Fault(
            rule=rules.SECRET, message=f"it needs {what}, a key and a variable", hint=_form(tag)
        )
    forms = (values.SECRET_NAME, values.SECRET_KEY, values.VARIABLE)
    for form, kind, part in zip(forms, (what, "a key", "a variable"), parts, strict=True):
        if not form.fullmatch(part):
            return Fault(rule=rules.SECRET, message=f"'{part}' cannot name {kind}", hint=_form(tag))
    return parts


def _named_text(name: str, value: str) -> NamedText | Fault:
    key, colon, text = value.partition(":")
    if not colon:
        return Fault(rule=rules.LABEL, message="it needs a key and a text", hint=_form(name))
    if not values.LABEL_KEY.fullmatch(key):
        return Fault(rule=rules.LABEL, message=f"'{key}' cannot be a key", hint=_form(name))
    return NamedText(key=key, value=text)


def _label(value: str) -> StepSettings | Fault:
    found = _named_text("label", value)
    if isinstance(found, Fault):
        return found
    if not values.LABEL_VALUE.fullmatch(found.value):
        return Fault(
            rule=rules.LABEL,
            message=f"'{found.value}' cannot be the text of a label",
            hint="at most 63 letters, digits, '-', '_', '.'; annotation: takes any text",
        )
    return StepSettings(labels=(found,))


def _annotation(value: str) -> StepSettings | Fault:
    found = _named_text("annotation", value)
    return found if isinstance(found, Fault) else StepSettings(annotations=(found,))


def _when(value: str) -> StepSettings | Fault:
    try:
        names_in(value)
    except GateSyntaxError as error:
        return Fault(
            rule=rules.WHEN,
            message=str(error),
            hint=f"{_form('when')}: comparisons, and, or, not, in and arithmetic over metrics,"
            " parameters and plain values",
        )
    return StepSettings(when=value.strip())


def _foreach(value: str) -> StepSettings | Fault:
    match value.split():
        case [name, "in", items]:
            wrong = next((text for text in (name, items) if not _is_variable(text)), None)
            message = f"'{wrong}' cannot name a variable"
            if wrong is None:
                return StepSettings(foreach=Foreach(name=name, items=items))
        case _:
            message = "it needs a variable and a list"
    return Fault(rule=rules.FOREACH, message=message, hint=_form("foreach"))


def _is_variable(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)


def _form(name: str) -> str:
    return f"write {FORMS[name]}"


FORMS: Final[Mapping[str, str]] = {
    "image": "image:python:3.12",
    "cpu": "cpu:2 or cpu:500m",
    "memory": "memory:4Gi or memory:500Mi",
    "gpu": "gpu:1",
    "limit": "limit:RESOURCE:AMOUNT, for example limit:nvidia.com/gpu:1",
    "request": "request:cpu:500m or request:memory:1Gi",
    "retry": "retry:2",
    "timeout": "timeout:90s, timeout:10m or timeout:1h30m",
    "cache": "cache:on or cache:off",
    "report": "report:on or report:off",
    "checkpoint": "checkpoint:on or checkpoint:off",
    "register": "register:NAME or register:NAME:VARIABLE",
    "env": "env:NAME:TEXT",
    "secret": "secret:SECRET:KEY:VARIABLE",
    "config-map": "config-map:NAME:KEY:VARIABLE",
    "label": "label:KEY:TEXT",
    "annotation": "annotation:KEY:TEXT",
    "when": "when:EXPRESSION, for example when:accuracy > 0.9",
    "foreach": "foreach:NAME in LIST",
}
"""How each setting is written: tag name -> examples."""

_PARSERS: Final[Mapping[str, Callable[[str], StepSettings | Fault]]] = {
    "image": _image,
    "cpu": _cpu,
    "memory": _memory,
    "gpu": _gpu,
    "limit": _limit,
    "request": _request,
    "retry": _retry,
    "timeout": _timeout,
    "cache": _cache,
    "report": _report,
    "checkpoint": _checkpoint,
    "register": _register,
    "env": _env,
    "secret": _secret,
    "config-map": _config_map,
    "label": _label,
    "annotation": _annotation,
    "when": _when,
    "foreach": _foreach,
}
SETTING_NAMES: Final = frozenset(_PARSERS)
