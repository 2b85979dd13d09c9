"""How far the event time of one part of a stream has come: a pure function of what was read, and of clocks.

Event times and the clock of the day are in microseconds since 1970-01-01 UTC; seconds are those of a monotonic clock.
"""

from schemas.streams.windows import SECOND, UNKNOWN


class EventClock:
    """The watermark of one part: no record that is older is expected any more. It never goes back.

    While records come it stays a delay behind the newest event time. Where all there is has been read and no record
    has come for a while, it goes on as fast as the clock on the wall does; so the last window of a source that has
    fallen silent is closed. It never passes the clock of the day less the delay, whatever a record says: one with a
    time in the future must not make all others late ones.

    Attributes:
      watermark: In microseconds; UNKNOWN while nothing tells.
    """

    def __init__(self, delay: int, idle: float, watermark: int = UNKNOWN) -> None:
        """Starts a clock.

        Args:
          delay: Microseconds by which a record may come later than newer ones.
          idle: Seconds without a record after which time goes on by itself.
          watermark: Where an earlier clock of this part had come to.
        """
        self.watermark = watermark
        self._delay, self._idle = delay, idle
        self._quiet: float | None = None  # since when nothing has come although all was read
        self._from = watermark  # where time was then

    def read(self, newest: int | None, caught_up: bool, now: float, utc: int) -> int:
        """Takes note of one look at the source.

        Args:
          newest: Newest event time of the records that came; None: none came with a valid one.
          caught_up: Whether none came at all, and the source has no more for sure.
          now: Seconds of the monotonic clock.
          utc: Microseconds of the clock of the day.

        Returns:
          The watermark.
        """
        if not caught_up:
            self._quiet = None
        elif self._quiet is None:
            self._quiet, self._from = now, self.watermark
        if newest is not None:
            self._advance(newest - self._delay, utc)
        if self._quiet is not None and now - self._quiet >= self._idle:
            beyond = round((now - self._quiet - self._idle) * SECOND)
            # Of a part that has never had a record nothing is known but the time of day.
            silent = utc - self._delay - round(self._idle * SECOND)
            self._advance(silent if self._from == UNKNOWN else self._from + beyond, utc)
        return self.watermark

    def _advance(self, watermark: int, utc: int) -> None:
        self.watermark = max(self.watermark, min(watermark, utc - self._delay))
