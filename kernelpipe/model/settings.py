"""The typed settings that tags and metadata give to a step or to the whole pipeline."""

from dataclasses import dataclass, fields

from kernelpipe.model.location import Location


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLimit:
    """``limit:RESOURCE:N`` for a resource that is not cpu, memory or a GPU we know."""

    resource: str
    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedText:
    """A key with its text: an environment variable, a label or an annotation."""

    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretEnv:
    """``secret:SECRET:KEY:ENV``: an environment variable filled from a cluster secret."""

    secret: str
    key: str
    env: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreach:
    """``foreach:NAME in LIST``: the step runs once per item of the list parameter ``items``."""

    name: str
    items: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSettings:
    """Settings of one step; None and empty tuples mean "not set".

    ``cpu`` and ``memory`` are Kubernetes quantities as text ("500m", "4Gi"); ``gpu`` counts
    devices of resource ``gpu_type`` (``nvidia.com/gpu`` unless a ``limit:`` names another);
    ``retry`` counts further attempts after the first; ``timeout_s`` is in seconds. Tuples are in
    tag order, a later tag for the same key replaces the earlier one. ``register`` is the name under
    which the step's model is registered, with ``:`` and the model's variable where that is given.
    """

    image: str | None = None
    cpu: str | None = None
    memory: str | None = None
    gpu: int | None = None
    gpu_type: str | None = None
    limits: tuple[ResourceLimit, ...] = ()
    retry: int | None = None
    timeout_s: float | None = None
    cache: bool | None = None
    env: tuple[NamedText, ...] = ()
    secrets: tuple[SecretEnv, ...] = ()
    labels: tuple[NamedText, ...] = ()
    annotations: tuple[NamedText, ...] = ()
    report: bool | None = None
    checkpoint: bool | None = None
    register: str | None = None
    when: str | None = None
    foreach: Foreach | None = None
    on_exit: bool | None = None

    def names_set(self) -> tuple[str, ...]:
        """Return the names of the settings that were given, in the order of the fields."""
        defaults = StepSettings()
        return tuple(
            field.name
            for field in fields(self)
            if getattr(self, field.name) != getattr(defaults, field.name)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataEntry:
    """A piece of pipeline metadata that is kept but has no typed setting; ``value`` is JSON text.

    A backend that does not honour ``key`` reports it (KP401).
    """

    key: str
    value: str
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSettings:
    """Settings of the whole notebook, from its metadata (``kernelpipe`` or ``kubeflow_notebook``).

    ``step_defaults`` apply to each step that does not set the same thing itself. ``other`` holds
    every further metadata entry, sorted by key, so that backends can report what they ignore.
    """

    name: str | None = None
    description: str | None = None
    experiment: str | None = None
    step_defaults: StepSettings = StepSettings()
    other: tuple[MetadataEntry, ...] = ()
