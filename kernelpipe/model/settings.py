"""The typed settings that tags and metadata give to a step or to the whole pipeline."""

from dataclasses import dataclass, fields
from enum import Enum

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
class ConfigMapEnv:
    """``config-map:NAME:KEY:ENV``: an environment variable filled from a cluster's config map."""

    config_map: str
    key: str
    env: str


class MountKind(Enum):
    """What is mounted into a step's pod; the values are the metadata's keys."""

    SECRET = "secret"  # noqa: S105 - no secret
    CONFIG_MAP = "config_map"
    CLAIM = "pvc"
    """A persistent volume claim that exists."""
    EPHEMERAL = "ephemeral"
    """A volume made for the pod and deleted with it."""
    EMPTY_DIR = "empty_dir"
    """A folder of the node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """Files at the absolute ``path`` in a step's pod, from what ``name`` is called in the cluster.

    ``sub_path`` is for claims, ``is_optional`` for secrets and config maps; ``size`` is a
    quantity, needed by ephemeral volumes, the most that an empty folder may take; ``access_modes``
    and ``storage_class`` (None means the cluster's default) are for ephemeral volumes;
    ``is_in_memory`` is for empty folders.
    """

    kind: MountKind
    name: str
    path: str
    sub_path: str | None = None
    is_optional: bool = False
    size: str | None = None
    access_modes: tuple[str, ...] = ()
    storage_class: str | None = None
    is_in_memory: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Toleration:
    """A taint of nodes that a step's pod may run on in spite of; None means any.

    ``operator`` is "Equal" or "Exists"; ``seconds`` is how long a pod stays on a node that is
    tainted while it runs.
    """

    key: str | None = None
    operator: str = "Equal"
    value: str | None = None
    effect: str | None = None
    seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """The pauses between attempts: ``first_s``, then each ``factor`` times the one before.

    No attempt begins later than ``within_s`` after the first one did; None means no limit.
    """

    first_s: int
    factor: int = 2
    within_s: int | None = None


class PullPolicy(Enum):
    """When a node fetches a step's image; the values are Kubernetes' words."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


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
    ``cpu`` and ``memory`` are the most that a step may take, ``cpu_request`` and ``memory_request``
    what is kept free for it.
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
    cpu_request: str | None = None
    memory_request: str | None = None
    backoff: Backoff | None = None
    config_maps: tuple[ConfigMapEnv, ...] = ()
    mounts: tuple[Mount, ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    node_selector: tuple[NamedText, ...] = ()
    image_pull_secrets: tuple[str, ...] = ()
    image_pull_policy: PullPolicy | None = None

    def names_set(self) -> tuple[str, ...]:
        """Return the names of the settings that were given, in the order of the fields."""
        if self is NO_SETTINGS:
            return ()
        return tuple(
            field.name
            for field in fields(self)
            if getattr(self, field.name) != getattr(NO_SETTINGS, field.name)
        )


NO_SETTINGS = StepSettings()
"""Of a cell whose tags set nothing; one object, which is found without comparing all fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataEntry:
    """A piece of pipeline metadata that is kept but has no typed setting; ``value`` is JSON text.

    A backend that does not honour ``key`` reports it (KP401).
    """

    key: str
    value: str
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A volume that the steps of one run share; ``size`` is a Kubernetes quantity.

    Without ``storage_class`` and ``access_modes`` the cluster's administrator has chosen them.
    """

    size: str
    storage_class: str | None = None
    access_modes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeToLive:
    """How long a cluster keeps what a finished run leaves there, in whole seconds.

    ``success_s`` and ``failure_s`` hold over ``finished_s``.
    """

    finished_s: int | None = None
    success_s: int | None = None
    failure_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterPlace:
    """Where a notebook is to be submitted: the address of the API, and the user's namespace."""

    host: str | None = None
    namespace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSettings:
    """Settings of the whole notebook, from its metadata (``kernelpipe`` or ``kubeflow_notebook``).

    ``step_defaults`` apply to each step that does not set the same thing itself. ``deadline_s`` is
    how long a whole run may take, ``parallelism`` how many of its steps may run at the same time,
    ``service_account`` the Kubernetes account its pods run as, ``cluster`` where it is submitted to
    unless something else is asked for, ``merge`` whether linear chains of steps share a pod there.
    ``other`` holds every further metadata entry, sorted by key, so that backends can report what
    they ignore.
    """

    name: str | None = None
    description: str | None = None
    experiment: str | None = None
    step_defaults: StepSettings = NO_SETTINGS
    workspace: Workspace | None = None
    ttl: TimeToLive | None = None
    deadline_s: int | None = None
    parallelism: int | None = None
    service_account: str | None = None
    cluster: ClusterPlace | None = None
    merge: bool | None = None
    other: tuple[MetadataEntry, ...] = ()
