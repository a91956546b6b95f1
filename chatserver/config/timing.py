"""The durations by which processes wait for each other, in seconds, in one frozen value that all of them are given.

An operator leaves them as they are. Tests and drills set some of them for every process of an installation at once:
`TIMING=lease=4,reap=0.5`.
"""

import dataclasses
import math
import re
from dataclasses import dataclass

from chatserver.errors import ConfigurationError

VARIABLE = "TIMING"


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds. Processes of one installation must agree on them: a lease is renewed by one and judged by another."""

    # Jobs. A worker that has not renewed its lease for this long is taken for dead.
    lease: float = 30.0
    # The poll that makes good for a notification that was lost.
    job_poll: float = 1.0
    # How often jobs whose lease has run out are looked for.
    reap: float = 5.0
    # The first wait before a job is tried again; doubled with each fault, with jitter.
    retry_backoff: float = 2.0
    # The wait before a provider that was only busy is asked again.
    provider_busy: float = 0.5
    # How long a worker that stops waits for its jobs to be given back.
    worker_stop: float = 10.0

    # How often a payment service is asked about an order that is open, whatever it reports.
    payment_poll: float = 60.0

    # The database. A unit of work that takes longer is cancelled and rolled back: nobody waits for it any more.
    unit_deadline: float = 5.0
    # How long a unit of work waits for a free connection before the caller hears `busy`.
    unit_acquire: float = 2.0

    @property
    def lease_renewal(self) -> float:
        """How often a lease is renewed."""
        return self.lease / 3

    @property
    def lease_surrender(self) -> float:
        """After how long without a renewal a worker stops by itself, before others take its job over."""
        return self.lease * 2 / 3

    def __str__(self) -> str:
        """What differs from the defaults, in the form that TIMING has."""
        own = [(field.name, getattr(self, field.name)) for field in dataclasses.fields(self)]
        return ",".join(f"{name}={value:g}" for name, value in own if value != getattr(Timing, name))


DEFAULT_TIMING = Timing()


def parse(text: str) -> Timing:
    """`lease=4,reap=0.5` as a Timing; what is not named has its default. Raises ConfigurationError."""
    names = {field.name for field in dataclasses.fields(Timing)}
    given: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        if name not in names:
            raise ConfigurationError(f"{VARIABLE} names {name[:60]!r}; it must be one of: {', '.join(sorted(names))}.")
        if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value) or not math.isfinite(seconds := float(value)) or not seconds:
            raise ConfigurationError(f"{VARIABLE} says {part[:60]!r}; {name} must be a number of seconds above 0.")
        given[name] = seconds
    return Timing(**given)
