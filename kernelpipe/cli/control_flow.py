"""Say in words what decides whether, how often and when a step runs, as the panel says it."""

from kernelpipe.model.settings import StepSettings


def control_flow_texts(settings: StepSettings) -> tuple[str, ...]:
    """Return a text each for ``when:``, ``foreach:`` and ``on-exit``, as far as they are set."""
    texts: list[str] = []
    if settings.when is not None:
        texts.append(f"when {settings.when}")
    if settings.foreach is not None:
        texts.append(f"for {settings.foreach.name} in {settings.foreach.items}")
    if settings.on_exit:
        texts.append("at the end")
    return tuple(texts)
