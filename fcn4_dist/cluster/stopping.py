"""Being asked to stop: SIGTERM, as Slurm and Kubernetes send it some time before they kill."""

import _thread
import os
import signal
import threading


class StopRequest:
    """Notices SIGTERM without interrupting anything; make it before MindSpore is imported.

    MindSpore turns a Ctrl-C that comes while a graph runs into a SIGTERM to its own process; that
    one is turned back into a Ctrl-C.
    """

    def __init__(self) -> None:
        self._asked = threading.Event()
        # Threads made from here on do not take the signal either: only the one that waits for it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
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
