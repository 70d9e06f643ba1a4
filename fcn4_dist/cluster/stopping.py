"""Being asked to stop: SIGTERM, as Slurm and Kubernetes send it some time before they kill."""

import _thread
import os
import signal
import threading


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

    def __init__(self) -> None:
        self._asked = threading.Event()
        hold_sigterm()
        # A launcher's msrun ignores the signal, and its children would too.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        threading.Thread(target=self._wait, daemon=True).start()

    @property
    def asked(self) -> bool:
        """Whether somebody has asked."""
        return self._asked.is_set()

    def _wait(self) -> None:
        while True:
            received = signal.sigwaitinfo({signal.SIGTERM})
            if received.si_pid == os.getpid():
                _thread.interrupt_main()
            else:
                self._asked.set()
