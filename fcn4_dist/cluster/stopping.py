"""Being asked to stop: SIGTERM, as Slurm and Kubernetes send it some time before they kill."""

import _thread
import os
import signal
import threading
from typing import ClassVar


def hold_sigterm() -> None:
    """Keep SIGTERM waiting for a :class:`StopRequest`; call it before NumPy is imported.

    NumPy starts threads of its own. The system hands a signal to any thread that does not hold it,
    and the process would die of it. Threads made from here on hold it too.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


class StopRequest:
    """Notices SIGTERM without interrupting anything; call :func:`hold_sigterm` long before.

    MindSpore turns a Ctrl-C that comes while a graph runs into a SIGTERM to its own process; that
    one is turned back into a Ctrl-C.
    """

    _newest: ClassVar["StopRequest | None"] = None

    def __init__(self) -> None:
        self._asked = threading.Event()
        hold_sigterm()
        # A launcher's msrun ignores the signal, and its children would too.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        # One thread waits for all of a process: of several, the system would tell any.
        waits = StopRequest._newest is not None
        StopRequest._newest = self
        if not waits:
            threading.Thread(target=_wait, daemon=True).start()

    @property
    def asked(self) -> bool:
        """Whether somebody has asked."""
        return self._asked.is_set()

    @classmethod
    def ask_newest(cls) -> None:
        """Ask what runs now to stop."""
        if cls._newest:
            cls._newest._asked.set()


def _wait() -> None:
    while True:
        received = signal.sigwaitinfo({signal.SIGTERM})
        if received.si_pid == os.getpid():
            _thread.interrupt_main()
        else:
            StopRequest.ask_newest()
