"""The settings of the pods that run no step."""

from typing import Final

from kernelpipe.model.settings import StepSettings

_CPU: Final = "500m"
_MEMORY: Final = "256Mi"


def small_pod(like: StepSettings) -> StepSettings:
    """Return the settings of a pod that runs where the pods of a step can run, and takes less.

    It has limits where the step's pods have some: the namespace may ask for them.
    """
    return StepSettings(
        image=like.image,
        image_pull_secrets=like.image_pull_secrets,
        image_pull_policy=like.image_pull_policy,
        env=like.env,
        labels=like.labels,
        annotations=like.annotations,
        tolerations=like.tolerations,
        node_selector=like.node_selector,
        cpu=_CPU if like.cpu or like.cpu_request else None,
        memory=_MEMORY if like.memory or like.memory_request else None,
        report=False,
    )
