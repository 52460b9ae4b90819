"""Resource settings as KFP's resource messages."""

from dataclasses import dataclass
from typing import Final

from kernelpipe.backends.kfp.spec import Json
from kernelpipe.model.settings import ResourceLimit, StepSettings
from kernelpipe.notebook.values import parse_quantity

_BYTES_PER_GB: Final = 1e9
DEFAULT_GPU: Final = "nvidia.com/gpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """The one extended resource that KFP can limit: a device and how many of it."""

    resource: str
    count: int


def accelerator(settings: StepSettings) -> tuple[Accelerator | None, tuple[ResourceLimit, ...]]:
    """Return the accelerator of a step and the limits that KFP has no place for."""
    if settings.gpu:
        chosen = Accelerator(resource=settings.gpu_type or DEFAULT_GPU, count=settings.gpu)
        return chosen, tuple(x for x in settings.limits if x.resource != chosen.resource)
    for limit in settings.limits:
        if limit.amount.isdecimal() and "/" in limit.resource:
            chosen = Accelerator(resource=limit.resource, count=int(limit.amount))
            return chosen, tuple(x for x in settings.limits if x is not limit)
    return None, settings.limits


def resource_spec(settings: StepSettings) -> Json:
    """Return the ``resources`` of a container, empty if nothing is limited.

    Old backends read the numeric fields, new ones the text fields. Quantities must be valid.
    """
    spec: Json = {}
    for resource, kind, amount in (
        ("Cpu", "Limit", settings.cpu),
        ("Memory", "Limit", settings.memory),
        ("Cpu", "Request", settings.cpu_request),
        ("Memory", "Request", settings.memory_request),
    ):
        if amount is not None:
            number = parse_quantity(amount) or 0.0
            old = number / _BYTES_PER_GB if resource == "Memory" else number
            spec |= {f"{resource.lower()}{kind}": old, f"resource{resource}{kind}": amount}
    device, _ = accelerator(settings)
    if device is not None:
        spec["accelerator"] = {
            "type": device.resource,
            "count": str(device.count),
            "resourceType": device.resource,
            "resourceCount": str(device.count),
        }
    return spec
