"""Incoming: the body of a request that waits in the stream for its handler."""

from collections.abc import Sequence

from gridcache.cluster.streams.bodies import Target, check_targets
from gridcache.cluster.streams.channel import Channel
from gridcache.cluster.streams.wire import Message

__all__ = ["Incoming"]


class Incoming:
    """A body to be taken once, in the thread of the handler."""

    def __init__(self, channel: Channel, message: Message, deadline: float) -> None:
        self.lengths = message.lengths
        """Bytes of each buffer."""
        self._channel = channel
        self._message = message
        self._deadline = deadline
        self._taken = False
        self._failure: OSError | None = None

    def into(self, targets: Sequence[Target]) -> None:
        """Take the body into one target per buffer.

        Raises what a target raises, after the rest has been read, or an error
        of the connection. What the targets have is void then.
        """
        check_targets(targets, self.lengths)
        if self._taken:
            text = "the body was taken before"
            raise RuntimeError(text)
        self._taken = True
        guard = _Guard()
        guarded = [guard.around(target) for target in targets]
        try:
            self._channel.pour(self._message, guarded, self._deadline)
        except OSError as error:
            self._failure = error
            raise
        if guard.error is not None:
            raise guard.error

    def drop(self) -> None:
        """Read what nobody took, so that an answer can follow.

        Raises if `into` lost the connection: then none can.
        """
        if self._failure is not None:
            raise self._failure
        if not self._taken:
            self._taken = True
            self._channel.skip(self._message, self._deadline)


class _Guard:
    """Lets a body be read to its end although a target has failed."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def around(self, target: Target) -> Target:
        if isinstance(target, memoryview):
            return target

        def write(chunk: memoryview) -> None:
            if self.error is not None:
                return
            try:
                target(chunk)
            except Exception as error:  # noqa: BLE001 - raised by `into`
                self.error = error

        return write
