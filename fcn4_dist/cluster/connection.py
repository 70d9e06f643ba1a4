"""One connection between two launchers: lines of JSON, of one type, bounded, each with a seal.

What comes in is not believed: a line that is too long, no message, or has a wrong seal ends the
connection in a sentence, as does a silence, and a message that does not come to its end.
"""

import queue
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from fcn4_dist import documents
from fcn4_dist.cluster.heartbeat import Standing
from fcn4_dist.cluster.peers import LONGEST_SENTENCE, SAME_VERSION, as_sentence
from fcn4_dist.cluster.secret import same, sealed
from fcn4_dist.documents import Value
from fcn4_dist.errors import Fcn4DistError, InputError

SECONDS_BETWEEN_SIGNS = 2.0
SECONDS_OF_SILENCE = 20.0
MOST_BYTES = 1 << 25
"""That a message may have: the settings of a job have some thousands."""
_SECONDS_TO_TELL = 2.0
_BYTES_AT_ONCE = 1 << 20
_SEAL_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Message(documents.Document):
    """What launchers that have met say to each other.

    Attributes:
        kind: A value for node 0; what node 0 makes of those of all; that the sender is alive; that
            it has failed; that it is through.
        value: Of a "value".
        values: Of "values".
        standing: How far the ranks behind the sender are, when it is alive.
        sentence: Of a "failure".
    """

    mend: ClassVar[str] = SAME_VERSION

    kind: Literal["value", "values", "alive", "failure", "done"]
    value: Value = None
    values: tuple[Value, ...] = ()
    standing: Standing | None = None
    sentence: Annotated[str, Meta(max_length=LONGEST_SENTENCE)] = ""

    def line(self) -> bytes:
        """Give what is sent of it behind the seal."""
        return documents.to_line(self).encode()


OnFailure = Callable[[str, "Connection"], None]


class Connection:
    """A connection to another launcher, heard whenever there may be something to hear.

    Args:
        connected: The socket.
        name: Of the other side, for sentences.
        keys: Those of what is sent and of what comes.
        begun: What has come already.

    Attributes:
        name: See above.
        ended: How the other side has ended well, as a sentence; "" while it has not.
        standing: How far the ranks behind the other side are; None until it has said so.
    """

    def __init__(
        self, connected: socket.socket, name: str, keys: tuple[bytes, bytes], begun: bytes = b""
    ) -> None:
        self.name = name
        self.ended = ""
        self.standing: Standing | None = None
        # Who has sent one value waits for the answer.
        self._values: queue.Queue[Message] = queue.Queue(maxsize=1)
        self._socket = connected
        self._socket.settimeout(SECONDS_OF_SILENCE)
        self._lines = Lines(connected, name, MOST_BYTES, begun)
        self._own_key, self._other_key = keys
        self._sent = self._received = 0
        self._sending = threading.Lock()
        self._closed = False

    def fileno(self) -> int:
        """Give the number by which it can be waited for; -1 when it is closed."""
        return self._socket.fileno()

    def send(self, line: bytes) -> None:
        """Send a message's line; that it cannot be sent is noticed by whoever hears."""
        with self._sending:
            self._send(line)

    def tell(self, message: Message, seconds: float) -> bool:
        """Send a short message, if the other side reads within some seconds; else leave it."""
        if not self._sending.acquire(timeout=seconds):
            return False
        try:
            if not _ready(self._socket, select.POLLOUT, seconds):
                return False
            self._send(message.line())
            return True
        finally:
            self._sending.release()

    def take(self, kind: str, seconds: float) -> Message | None:
        """Wait some time for what the other side was asked for.

        Args:
            kind: Of the message.
            seconds: How long.

        Raises:
            Fcn4DistError: If it is something else.
        """
        with suppress(queue.Empty):
            message = self._values.get(timeout=seconds)
            if message.kind != kind:
                raise Fcn4DistError(self.unasked())
            return message
        return None

    def unasked(self) -> str:
        """Give the sentence about one that does not keep to what launchers say to each other."""
        return f"{self.name} has sent what it was not asked for: {SAME_VERSION}"

    def gone(self) -> bool:
        """Tell whether the other side has hung up; while nothing is read it is not noticed."""
        return self._closed or _ready(self._socket, getattr(select, "POLLRDHUP", 0), 0)

    def hear(self, on_failure: OnFailure) -> bool:
        """Take what the other side has said, or notice that it is silent for too long.

        Args:
            on_failure: Is told once that something has failed, by the other side or with it.

        Returns:
            Whether it may say more.
        """
        problem = f"the launcher on {self.name} ended without a word; see its terminal"
        try:
            open_still = self._lines.read(0)
            while (line := self._lines.whole()) is not None:
                if not self._heard(self._opened(line), on_failure):
                    return False
            if open_still:
                return True
        except TimeoutError:
            problem = (
                f"{self.name} has not been heard from for {SECONDS_OF_SILENCE:.0f} s: the host or "
                "the network between is down"
            )
        except ConnectionResetError:
            # How a connection ends whose other side was killed before it had read all.
            pass
        except queue.Full:
            problem = self.unasked()
        except InputError as error:
            problem = str(error)
        except Exception as error:
            # Whatever it is: hearing that ends without a word leaves this node waiting.
            problem = as_sentence(f"the connection to {self.name} broke ({error})")
        if not self._closed:
            on_failure(problem, self)
        return False

    def close(self) -> None:
        """Hang up."""
        self._closed = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _send(self, data: bytes) -> None:
        seal = sealed(self._own_key, b"%d " % self._sent + data)
        self._sent += 1
        try:
            self._socket.sendall(seal.encode() + data + b"\n")
        except OSError:
            # What follows half a message is none.
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _heard(self, message: Message, on_failure: OnFailure) -> bool:
        if message.kind == "alive":
            self.standing = message.standing
        elif message.kind == "failure":
            on_failure(as_sentence(message.sentence), self)
        elif message.kind == "done":
            self.ended = f"the launcher on {self.name} has ended; see its terminal"
            return False
        else:
            self._values.put_nowait(message)
        return True

    def _opened(self, line: bytes) -> Message:
        seal, data = line[:_SEAL_LENGTH], line[_SEAL_LENGTH:]
        expected = sealed(self._other_key, b"%d " % self._received + data)
        self._received += 1
        if not same(seal.decode("latin-1"), expected):
            raise InputError(
                f"what came from {self.name} has not the seal of this job: see who else is in the "
                "network between"
            )
        return documents.parse(data, Message, f"what {self.name} has sent")


class Lines:
    """Lines that come over a socket, each of which is not to be long, and not long on its way.

    A line may take :data:`SECONDS_OF_SILENCE` to begin, and as long again to end.

    Args:
        connected: The socket.
        name: Of the other side, for sentences.
        most: Bytes that a line may have.
        begun: What has come already.
    """

    def __init__(self, connected: socket.socket, name: str, most: int, begun: bytes = b"") -> None:
        self._socket, self._name, self._most = connected, name, most
        self._buffer, self._searched = bytearray(begun), 0
        self._ends = time.monotonic() + SECONDS_OF_SILENCE

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> bytes:
        """Wait for the next line; what comes last and has no end is none.

        Raises:
            TimeoutError: If it takes too long.
            InputError: If it is too long.
            OSError: If the connection breaks.
        """
        while (line := self.whole()) is None:
            if not self.read(self._ends - time.monotonic()):
                raise StopIteration
        return line

    def whole(self) -> bytes | None:
        """Take the next line out of what has come; None if it is not all there.

        Raises:
            InputError: If it is too long.
        """
        end = self._buffer.find(b"\n", self._searched)
        self._searched = len(self._buffer) if end < 0 else 0
        self._check_length(end if end >= 0 else self._searched)
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._ends = time.monotonic() + SECONDS_OF_SILENCE
        return line

    def read(self, seconds: float) -> bool:
        """Wait some seconds for more; tell whether there may be more still.

        Raises:
            TimeoutError: If nothing has come, and a line takes too long.
            OSError: If the connection breaks.
        """
        if not _ready(self._socket, select.POLLIN, seconds):
            if time.monotonic() >= self._ends:
                raise TimeoutError
            return True
        data = self._socket.recv(_BYTES_AT_ONCE)
        if not self._buffer:
            self._ends = time.monotonic() + SECONDS_OF_SILENCE
        self._buffer += data
        return bool(data)

    def rest(self) -> bytes:
        """Give what has come behind the last line."""
        return bytes(self._buffer)

    def _check_length(self, length: int) -> None:
        if length > self._most:
            raise InputError(f"{self._name} has sent more than {self._most} bytes at once")


def tell_all(message: Message, others: Iterable[Connection]) -> None:
    """Send a short message to all that read within some seconds.

    Args:
        message: What to say.
        others: To whom; those that do not read now hold up none of those that do.
    """
    ends = time.monotonic() + _SECONDS_TO_TELL
    for other in [each for each in others if not each.tell(message, 0)]:
        other.tell(message, max(ends - time.monotonic(), 0))


def _ready(connected: socket.socket, event: int, seconds: float) -> bool:
    """Wait until a socket can be read from, or written to, or has no other side any more."""
    poll = select.poll()
    try:
        poll.register(connected, event)
    except ValueError:
        # It has been closed.
        return True
    return bool(poll.poll(max(seconds, 0) * 1000))
