"""Settings that are right one by one, but that no pod of KFP's can have together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from kernelpipe.backends.kfp.platform_rules import OWN_PATHS
from kernelpipe.model.settings import StepSettings
from kernelpipe.notebook.values import VOLUME_NAME, parse_quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFault:
    """What is wrong; ``setting`` is the field of StepSettings that shows where."""

    setting: str
    message: str
    hint: str


def pod_faults(settings: StepSettings) -> Iterator[PodFault]:
    """Yield what the cluster would refuse, or do otherwise than asked."""
    for rule in _RULES:
        yield from rule(settings)


def _volumes(settings: StepSettings) -> Iterator[PodFault]:
    """KFP calls a volume what the secret, config map or claim is called."""
    seen: dict[str, str] = {}
    for mount in settings.mounts:
        if not VOLUME_NAME.fullmatch(mount.name):
            yield PodFault(
                setting="mounts",
                message=f"'{mount.name}' cannot be mounted: KFP names the volume after it, and "
                "volumes have no dots and at most 63 characters",
                hint="rename it in the cluster",
            )
        elif mount.name in seen:
            yield PodFault(
                setting="mounts",
                message=f"'{mount.name}' is mounted at '{seen[mount.name]}' and at "
                f"'{mount.path}': KFP gives both volumes that name, and the pod is refused",
                hint="mount it once",
            )
        seen.setdefault(mount.name, mount.path)


def _places(settings: StepSettings) -> Iterator[PodFault]:
    for mount in settings.mounts:
        if mount.path in OWN_PATHS:
            yield PodFault(
                setting="mounts",
                message=f"nothing can be mounted at '{mount.path}', where KFP mounts its own",
                hint="choose another path",
            )


def _variables(settings: StepSettings) -> Iterator[PodFault]:
    given: dict[str, str] = {}
    sources = [("env", each.key) for each in settings.env]
    sources += [("secrets", each.env) for each in settings.secrets]
    sources += [("config_maps", each.env) for each in settings.config_maps]
    for setting, name in sources:
        if name in given:
            yield PodFault(
                setting=setting,
                message=f"the variable '{name}' is set twice, by {_WORDS[given[name]]} and by "
                f"{_WORDS[setting]}",
                hint="remove one of the two",
            )
        given.setdefault(name, setting)


def _requests(settings: StepSettings) -> Iterator[PodFault]:
    for setting, wanted, most in (
        ("cpu_request", settings.cpu_request, settings.cpu),
        ("memory_request", settings.memory_request, settings.memory),
    ):
        asked, limit = parse_quantity(wanted or ""), parse_quantity(most or "")
        if asked is not None and limit is not None and asked > limit:
            resource = setting.partition("_")[0]
            yield PodFault(
                setting=setting,
                message=f"'request:{resource}:{wanted}' is more than its limit '{resource}:{most}'",
                hint=f"raise {resource}: or lower the request",
            )


_WORDS: Final = {"env": "'env'", "secrets": "'secret'", "config_maps": "'config-map'"}
_RULES: Final[tuple[Callable[[StepSettings], Iterator[PodFault]], ...]] = (
    _volumes,
    _places,
    _variables,
    _requests,
)
