"""What may stand behind a flag, and how often."""

import argparse
from typing import Any

from fcn4_dist.errors import InputError


class Once(argparse.Action):
    """Keeps the value of a flag, and refuses a second one instead of dropping the first."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Keep the value.

        Raises:
            InputError: If there is one already.
        """
        # In the namespace, as the flags of launch may stand in two places.
        given = vars(namespace).setdefault("given", set())
        if option_string and self.dest in given:
            raise InputError(f"{option_string} is given twice: leave one of them out")
        given.add(self.dest)
        setattr(namespace, self.dest, values)
