"""One way to speak to the others of a job: launchers of several hosts, MPI's ranks, MindSpore's.

All collectives must be called by every peer, in the same order.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

import msgspec

from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.text import Lines, cleaned

SAME_VERSION = "install the same version of fcn4_dist on every node"
LONGEST_SENTENCE = 2000
_MOST_LINES = 100
_Result = TypeVar("_Result")


def as_sentence(text: str) -> str:
    """Make text of another peer fit to be said: one line, no longer than it should be."""
    return cleaned(text[:LONGEST_SENTENCE])[:LONGEST_SENTENCE]


class Peers(ABC):
    """This process's place among the processes that do a job together.

    Args:
        rank: Its number, from 0.
        size: How many there are.
        noun: What one of them is called in sentences.
    """

    shares_terminal = False
    """Whether what all of them print is read in one place, so that number 0 speaks for all."""

    known = True
    """Whether the others have shown to be those that this one is to work with."""

    def __init__(self, rank: int = 0, size: int = 1, noun: str = "rank") -> None:
        self.rank, self.size, self.noun = rank, size, noun

    @property
    def is_main(self) -> bool:
        """Whether this is number 0, which prints, saves and scores."""
        return self.rank == 0

    @abstractmethod
    def all_gather(self, value: Any) -> Sequence[Any]:
        """Exchange a value of each peer.

        Args:
            value: This one's, as JSON can hold it.

        Returns:
            The values of all, by their number, on every peer.
        """

    def gather(self, value: Any) -> Sequence[Any] | None:
        """Bring a value of each peer to number 0; None on the others."""
        values = self.all_gather(value)
        return values if self.is_main else None

    def broadcast(self, value: Any) -> Any:
        """Give every peer the value of number 0; what the others hand in does not count."""
        return self.all_gather(value if self.is_main else None)[0]

    def scatter(self, values: Sequence[Any] | None) -> Any:
        """Give each peer its own of the values that number 0 hands in, by their numbers."""
        return self.broadcast(values)[self.rank]

    def all_gather_of(self, kind: Any, value: Any) -> list[Any]:
        """Exchange a value of each peer, and look whether each is what it is to be.

        Args:
            kind: A type, as msgspec knows them.
            value: This one's, as JSON can hold it.

        Raises:
            Fcn4DistError: If another peer's is something else.
        """
        values = self.all_gather(value)
        return [self._checked(kind, each, number) for number, each in enumerate(values)]

    def broadcast_of(self, kind: Any, value: Any) -> Any:
        """Give every peer the value of number 0, and look whether it is what it is to be.

        Args:
            kind: A type, as msgspec knows them.
            value: Number 0's, as JSON can hold it; what the others hand in does not count.

        Raises:
            Fcn4DistError: If it is something else.
        """
        return self._checked(kind, self.broadcast(value), 0)

    def on_main(self, work: Callable[[], _Result]) -> _Result | None:
        """Do something on number 0 alone; if it fails there, every peer raises its error.

        Without this, the others would wait for number 0 in the next collective.

        Args:
            work: What number 0 does.

        Returns:
            What it gives, on number 0; None on the others.

        Raises:
            InputError: The error of number 0.
        """
        result, problem = None, ""
        if self.is_main:
            try:
                result = work()
            except InputError as error:
                problem = str(error)
        if problem := self.broadcast_of(str, problem):
            self.refuse(InputError(_as_lines(problem.splitlines())))
        return result

    def refuse_together(self, problems: Sequence[str]) -> None:
        """Have every peer refuse the job, if one of them has found something wrong.

        Args:
            problems: What this one has found, a line each.

        Raises:
            InputError: With what this one has found, and what others have behind their names.
        """
        lines: list[str] = []
        for number, found in enumerate(self.all_gather_of(list[str], list(problems))):
            named = number != self.rank or self.shares_terminal
            told = [f"{self.noun} {number}: {line}" if named else line for line in found]
            lines = lines + told if named else told + lines
        if lines:
            self.refuse(InputError(_as_lines(lines)))

    def check_agreement(
        self, facts: Mapping[str, Any], error: type[Fcn4DistError] = Fcn4DistError
    ) -> None:
        """Make sure that all peers have the same values, before they wait for each other.

        Args:
            facts: What is compared -> this peer's value.
            error: What to raise.

        Raises:
            Fcn4DistError: On every peer, naming those that differ from number 0.
        """
        gathered = self.all_gather_of(dict[str, Any], dict(facts))
        for name in facts:
            values = [each.get(name) for each in gathered]
            differing = [number for number, value in enumerate(values) if value != values[0]]
            if differing:
                sentence = (
                    f"{self.noun} {', '.join(map(str, differing))} and {self.noun} 0 do not agree "
                    f"on the {name} ({values[differing[0]]} and {values[0]}): give every host the "
                    "same settings, shards and versions"
                )
                self.refuse(error(as_sentence(sentence)))

    def refuse(self, error: Fcn4DistError) -> NoReturn:
        """Raise what every peer raises at this moment, so that none is left to be waited for."""
        raise error

    def _checked(self, kind: Any, value: Any, number: int) -> Any:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            sentence = f"{self.noun} {number} has sent what it was not asked for: {SAME_VERSION}"
            raise Fcn4DistError(sentence) from error


def _as_lines(lines: Sequence[str]) -> Lines:
    return Lines("\n".join(map(as_sentence, lines[:_MOST_LINES])))


class Alone(Peers):
    """The place of a process that no other works with."""

    def all_gather(self, value: Any) -> list[Any]:
        """Give the value back, as the only one."""
        return [value]
