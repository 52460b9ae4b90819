"""Five trivial steps in a chain as a Metaflow flow."""

from metaflow import FlowSpec, step


class ChainFlow(FlowSpec):
    """Each step uses what the one before made."""

    @step
    def start(self) -> None:
        """Make the first value."""
        self.x = 1
        self.next(self.second)

    @step
    def second(self) -> None:
        """Use it."""
        self.x += 1
        self.next(self.third)

    @step
    def third(self) -> None:
        """Use it."""
        self.x += 1
        self.next(self.fourth)

    @step
    def fourth(self) -> None:
        """Use it."""
        self.x += 1
        self.next(self.end)

    @step
    def end(self) -> None:
        """Make the last value."""
        self.x += 1


if __name__ == "__main__":
    ChainFlow()
