"""One way to speak to the others of a job: launchers of several hosts, MPI's ranks, MindSpore's.

All collectives must be called by every peer, in the same order.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

import msgspec

from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.text import Lines, cleaned, named

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

    def all_reduce(self, value: Any, reduce: Callable[[Sequence[Any]], Sequence[Any]]) -> list[Any]:
        """Give every peer the few values that are made of those of all.

        Args:
            value: This one's, as JSON can hold it.
            reduce: Makes them of the values of all, by their number; on number 0 alone where that
                saves sending each of them to every peer.
        """
        return list(reduce(self.all_gather(value)))

    def gather(self, value: Any) -> Sequence[Any] | None:
        """Bring a value of each peer to number 0; None on the others."""
        values = self.all_gather(value)
        return values if self.is_main else None

    def broadcast(self, value: Any) -> Any:
        """Give every peer the value of number 0; what the others hand in does not count."""
        values = self.all_reduce(value if self.is_main else None, lambda values: values[:1])
        return self._checked(tuple[Any], values, 0)[0]

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
        return self._each_checked(kind, self.all_gather(value))

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

        def told(values: Sequence[Any]) -> list[list[str]]:
            finders: dict[str, list[int]] = {}
            for number, found in enumerate(self._each_checked(list[str], values)):
                for line in dict.fromkeys(found):
                    finders.setdefault(as_sentence(line), []).append(number)
            first = list(finders.items())[:_MOST_LINES]
            return [[named(self.noun, numbers), line] for line, numbers in first]

        found = self._checked(
            list[tuple[str, str]], self.all_reduce(list(problems[:_MOST_LINES]), told), 0
        )
        own = [] if self.shares_terminal else list(problems)
        alone = named(self.noun, [self.rank])
        lines = own + [f"{who}: {line}" for who, line in found if not (own and who == alone)]
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

        def differences(values: Sequence[Any]) -> list[str]:
            gathered = self._each_checked(dict[str, Any], values)
            for name, of_main in gathered[0].items():
                differing = [
                    number for number, each in enumerate(gathered) if each.get(name) != of_main
                ]
                if differing:
                    other = gathered[differing[0]].get(name)
                    return [
                        f"{named(self.noun, differing)} and {self.noun} 0 do not agree on the "
                        f"{name} ({other} and {of_main}): give every host the same settings, "
                        "shards and versions"
                    ]
            return []

        for sentence in self._checked(list[str], self.all_reduce(dict(facts), differences), 0):
            self.refuse(error(as_sentence(sentence)))

    def refuse(self, error: Fcn4DistError) -> NoReturn:
        """Raise what every peer raises at this moment, so that none is left to be waited for."""
        raise error

    def _each_checked(self, kind: Any, values: Sequence[Any]) -> list[Any]:
        return [self._checked(kind, each, number) for number, each in enumerate(values)]

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
