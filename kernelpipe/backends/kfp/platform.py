"""The Kubernetes settings of a step: what KFP keeps in the second YAML document."""

import math

from kernelpipe.backends.kfp.spec import Json
from kernelpipe.model.settings import StepSettings


def kubernetes_executor(settings: StepSettings) -> Json:
    """Return one step's entry in the platform document, empty if it needs none."""
    entry: Json = {}
    metadata = {
        key: {item.key: item.value for item in items}
        for key, items in (("labels", settings.labels), ("annotations", settings.annotations))
        if items
    }
    if metadata:
        entry["podMetadata"] = metadata
    if settings.secrets:
        entry["secretAsEnv"] = [
            {
                "secretName": secret.secret,
                "secretNameParameter": {"runtimeValue": {"constant": secret.secret}},
                "keyToEnv": [{"secretKey": secret.key, "envVar": secret.env}],
                "optional": False,
            }
            for secret in settings.secrets
        ]
    if settings.timeout_s is not None:
        entry["activeDeadlineSeconds"] = str(max(1, math.ceil(settings.timeout_s)))
    return entry


def platform_document(entries: dict[str, Json]) -> Json:
    """Return the platform document for executor label -> entry."""
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": entries}}}}
