"""How long a client waits, and how often it tries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """How long to wait, and how often to try; all times in seconds."""

    connect: float = 10.0  #: for a connection
    #: For an answer's beginning and its next bytes; each further try to get a log or an archive is given
    #: twice as long.
    read: float = 30.0
    #: For the next bytes of a log's event stream once it has begun; above the three minutes after which a
    #: load balancer cuts an idle stream by itself.
    stream_read: float = 200.0
    attempts: int = 5  #: tries of one call, the first included
    #: For a call with all its tries and pauses. A download, which may well take longer, has to bring some
    #: of its bytes in as many seconds, however often it is resumed.
    deadline: float = 120.0
    #: Pause after the first failure, doubled after each further one. Each is a random part of that, at least
    #: half of it.
    backoff: float = 0.5
    backoff_cap: float = 8.0  #: longest such pause
    retry_after_cap: float = 60.0  #: longest Retry-After that is waited for
    poll: float = 2.0  #: first pause between looks at a log that is not there yet
    poll_cap: float = 30.0  #: longest such pause
    looks: int = 4  #: after an ambiguous write, with a pause of ``backoff`` doubling before each
    outage: float = 900.0  #: how long a log that has begun waits for a server that has gone away, or fails
    #: How long a log's stream may be silent once its run has ended; it is given up after ``deadline`` in any
    #: case, for the persisted log.
    farewell: float = 5.0
    answer: int = 64_000_000  #: bytes of the largest answer, unpacked, that is taken in
    archive: int = 20_000_000_000  #: bytes of the largest archive that is taken in

    @property
    def log_looks(self) -> int:
        """How often a log that has ended is opened, where each time it fails, or is not whole yet."""
        return max(self.looks, self.attempts)

    def pause(self, failures: int, rand: Callable[[], float]) -> float:
        """Return the pause after so many failures in a row."""
        full = min(self.backoff_cap, self.backoff * 2.0 ** min(failures - 1, 30))
        return full * (0.5 + 0.5 * rand())
