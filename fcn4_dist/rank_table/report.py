"""What a check found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One fault, warning or note.

    Args:
        where: JSON path of the place, like "server_list[1].device[0].device_ip"; "" for the file.
        sentence: What is wrong there, and the mend.
    """

    where: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence}" if self.where else self.sentence


@dataclass(frozen=True)
class Report:
    """Everything a check found in one file.

    Args:
        faults: What HCCL refuses, or its documents rule out.
        warnings: What HCCL takes, and is probably not meant.
        notes: What was not checked.
    """

    faults: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()


class Findings:
    """A report in the making."""

    def __init__(self) -> None:
        self._faults: list[Finding] = []
        self._warnings: list[Finding] = []
        self._notes: list[Finding] = []

    def fault(self, where: str, sentence: str) -> None:
        """Add a fault."""
        self._faults.append(Finding(where, sentence))

    def warning(self, where: str, sentence: str) -> None:
        """Add a warning."""
        self._warnings.append(Finding(where, sentence))

    def note(self, where: str, sentence: str) -> None:
        """Add a note."""
        self._notes.append(Finding(where, sentence))

    def report(self) -> Report:
        """Close the report."""
        return Report(tuple(self._faults), tuple(self._warnings), tuple(self._notes))
