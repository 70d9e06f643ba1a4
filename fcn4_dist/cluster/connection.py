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
        kind: A value for all; the values of all, from node 0; that the sender is alive; that it
            has failed; that it is through.
        value: Of a "value".
        values: Of "values", by node.
        standing: How far the ranks behind the sender are, when it is alive.
        sentence: Of a "failure".
    """

    mend: ClassVar[str] = SAME_VERSION

    kind: Literal["value", "values", "alive", "failure", "done"]
    value: Value = None
    values: tuple[Value, ...] = ()
    standing: Standing | None = None
    sentence: Annotated[str, Meta(max_length=LONGEST_SENTENCE)] = ""


OnFailure = Callable[[str, "Connection"], None]


class Connection:
    """A connection to another launcher, read in a thread of its own once it is started.

    Args:
        connected: The socket.
        name: Of the other side, for sentences.
        keys: Those of what is sent and of what comes; :meth:`start` needs them.
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

    def send(self, message: Message) -> None:
        """Send a message; that it cannot be sent is noticed by the thread that reads."""
        with self._sending:
            self._send(documents.to_line(message).encode())

    def tell(self, message: Message, seconds: float = _SECONDS_TO_TELL) -> None:
        """Send a short message, if the other side reads within some seconds; else leave it."""
        if not self._sending.acquire(timeout=seconds):
            return
        try:
            if _ready(self._socket, select.POLLOUT, seconds):
                self._send(documents.to_line(message).encode())
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

    def start(self, on_failure: OnFailure) -> None:
        """Read from now on, in the background."""
        threading.Thread(target=self._read, args=(on_failure,), daemon=True).start()

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

    def _read(self, on_failure: OnFailure) -> None:
        problem = f"the launcher on {self.name} ended without a word; see its terminal"
        try:
            for line in self._lines:
                message = self._opened(line)
                if message.kind == "alive":
                    self.standing = message.standing
                elif message.kind == "failure":
                    on_failure(as_sentence(message.sentence), self)
                elif message.kind == "done":
                    self.ended = f"the launcher on {self.name} has ended; see its terminal"
                    return
                else:
                    self._values.put_nowait(message)
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
            # Whatever it is: a thread that dies without a word leaves this node waiting.
            problem = as_sentence(f"the connection to {self.name} broke ({error})")
        if not self._closed:
            on_failure(problem, self)

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
        self._buffer = bytearray(begun)

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> bytes:
        """Wait for the next line; what comes last and has no end is none.

        Raises:
            TimeoutError: If it takes too long.
            InputError: If it is too long.
            OSError: If the connection breaks.
        """
        ends, searched = time.monotonic() + SECONDS_OF_SILENCE, 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            self._check_length(searched)
            if not _ready(self._socket, select.POLLIN, ends - time.monotonic()):
                raise TimeoutError
            data = self._socket.recv(_BYTES_AT_ONCE)
            if not data:
                raise StopIteration
            if not searched:
                ends = time.monotonic() + SECONDS_OF_SILENCE
            self._buffer += data
        self._check_length(end)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def rest(self) -> bytes:
        """Give what has come behind the last line."""
        return bytes(self._buffer)

    def _check_length(self, length: int) -> None:
        if length > self._most:
            raise InputError(f"{self._name} has sent more than {self._most} bytes at once")


def slowest(standings: Iterable[Standing | None]) -> Standing | None:
    """Give how far the ranks behind several launchers are; None where nobody has said."""
    known = [standing for standing in standings if standing is not None]
    return Standing.joined(known) if known else None


def _ready(connected: socket.socket, event: int, seconds: float) -> bool:
    """Wait until a socket can be read from, or written to, or has no other side any more."""
    poll = select.poll()
    try:
        poll.register(connected, event)
    except ValueError:
        # It has been closed.
        return True
    return bool(poll.poll(max(seconds, 0) * 1000))
