"""Errors a user can cause: one sentence saying what, where and what to do, and an exit code."""

from fcn4_dist.text import cleaned

UNEXPECTED = "this is unexpected"
"""In the sentence about an error that nobody foresaw, which may have a better one elsewhere."""


class Fcn4DistError(Exception):
    """A failure at work. The command line prints its sentence and exits with ``exit_code``.

    Args:
        sentence: What, where and what to do; whatever is in it, it is one line that can be shown.
            :class:`~fcn4_dist.text.Lines` where several things were found.
    """

    exit_code = 1

    def __init__(self, sentence: str = "") -> None:
        super().__init__(cleaned(sentence))


class InputError(Fcn4DistError):
    """Bad settings or input (files, folders, devices) that the user has to mend."""

    exit_code = 2


class SettingsError(InputError):
    """A setting with an unknown name, a wrong type or an impossible value.

    Args:
        key: Name of the setting.
        problem: What is wrong with it, as the end of a sentence that begins with the name.
    """

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key} {problem}")
        self.key = key
        self.problem = problem


class StoppedError(Fcn4DistError):
    """A training run that ended early because it was asked to, after a checkpoint."""

    exit_code = 75
