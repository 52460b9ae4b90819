"""Room on the machine, and results that only one run computes."""

from kernelpipe.backends.local.machine import Machine, Need
from kernelpipe.model.settings import StepSettings

SMALL = Need(cpus=0, memory_bytes=0)


class Wakes:
    """Counts calls."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        """Count one."""
        self.count += 1


def test_need__settings__are_quantities() -> None:
    """Kubernetes' units."""
    settings = StepSettings(cpu="500m", memory="2Gi")

    assert Need.of(settings) == Need(cpus=0.5, memory_bytes=2147483648)
    assert Need.of(StepSettings()) == SMALL


def test_need__requests__hold_over_limits() -> None:
    """As on a cluster: what is asked for is kept free, what is the most may be more."""
    settings = StepSettings(cpu="4", cpu_request="1", memory="4Gi", memory_request="1Gi")

    assert Need.of(settings) == Need(cpus=1.0, memory_bytes=1073741824)


def test_begin__all_slots_are_taken__waits_until_one_is_given_back() -> None:
    """Whoever waits is woken once."""
    machine, wakes = Machine(jobs=1), Wakes()

    assert machine.begin("a", SMALL, wakes)
    assert not machine.begin("b", SMALL, wakes)
    assert not machine.begin("b", SMALL, wakes)
    assert wakes.count == 0

    machine.end("a", SMALL)
    assert wakes.count == 1
    assert machine.begin("b", SMALL, wakes)


def test_begin__cpus_are_taken__only_steps_that_ask_for_some_wait() -> None:
    """Steps that do not say what they take need a slot only."""
    machine, wakes = Machine(jobs=4, cpus=2), Wakes()
    two = Need(cpus=2, memory_bytes=0)

    assert machine.begin("a", two, wakes)
    assert not machine.begin("b", two, wakes)
    assert machine.begin("c", SMALL, wakes)


def test_begin__memory_is_taken__waits() -> None:
    """Memory is shared out as it is asked for."""
    machine, wakes = Machine(jobs=4, memory_bytes=1000), Wakes()

    assert machine.begin("a", Need(cpus=0, memory_bytes=600), wakes)
    assert not machine.begin("b", Need(cpus=0, memory_bytes=600), wakes)
    assert machine.begin("c", Need(cpus=0, memory_bytes=400), wakes)


def test_begin__more_than_the_machine_has__runs_alone() -> None:
    """It would wait for ever otherwise."""
    machine, wakes = Machine(jobs=4, cpus=2), Wakes()
    huge = Need(cpus=64, memory_bytes=0)

    assert machine.begin("a", huge, wakes)
    assert not machine.begin("b", Need(cpus=1, memory_bytes=0), wakes)


def test_begin__another_run_computes_it__waits_until_that_has_ended() -> None:
    """Each key for itself; nobody is woken by an attempt that came to nothing."""
    machine, wakes = Machine(jobs=3), Wakes()

    assert machine.begin("k", SMALL, wakes)
    assert not machine.begin("k", SMALL, wakes)
    assert machine.begin("other", SMALL, wakes)
    assert wakes.count == 0

    machine.end("k", SMALL)
    assert wakes.count == 1
    assert machine.begin("k", SMALL, wakes)


def test_pause__between_two_attempts__keeps_the_claim_only() -> None:
    """The slot is for others; the result is still this step's to compute."""
    machine, wakes = Machine(jobs=1), Wakes()
    assert machine.begin("k", SMALL, wakes)

    machine.pause(SMALL)

    assert not machine.begin("k", SMALL, wakes)
    assert machine.begin("other", SMALL, wakes)
    assert not machine.go_on(SMALL, wakes)
    machine.end("other", SMALL)
    assert machine.go_on(SMALL, wakes)


def test_drop__no_further_attempt__ends_the_claim() -> None:
    """Another run may compute it then."""
    machine, wakes = Machine(jobs=1), Wakes()
    assert machine.begin("k", SMALL, wakes)
    machine.pause(SMALL)

    machine.drop("k")

    assert machine.begin("k", SMALL, wakes)


def test_stop__two_runs__both_are_told_the_signal() -> None:
    """A run that has ended is not."""
    machine = Machine(jobs=1)
    told: list[str] = []
    with machine.stopping(lambda name: told.append(f"one {name}")):
        with machine.stopping(lambda name: told.append(f"two {name}")):
            machine.stop("SIGINT")
        machine.stop("SIGTERM")

    assert told == ["one SIGINT", "two SIGINT", "one SIGTERM"]


def test_stop__run_that_begins_later__is_stopped_at_once() -> None:
    """A signal that comes while a run is being prepared is not lost."""
    machine = Machine(jobs=1)
    machine.stop("SIGINT")
    told: list[str] = []

    with machine.stopping(told.append):
        assert told == ["SIGINT"]
