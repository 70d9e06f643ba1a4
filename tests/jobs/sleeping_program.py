"""The train command, with one rank that falls asleep while it reads the batch of step 3."""

import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from fcn4_dist.cli import main
from fcn4_dist.jobs import train
from fcn4_dist.pipeline import read_batches


def sleepy_batches(*arguments: Any) -> Iterator[Any]:
    for number, batch in enumerate(read_batches(*arguments), start=1):
        if number == 3:
            fall_asleep()
        yield batch


def fall_asleep() -> None:
    time.sleep(600)


def train_sleepily(loaded: Any) -> None:
    from fcn4_dist.training import data

    if os.environ.get("RANK_ID") == "1" and os.environ["MS_ROLE"] == "MS_WORKER":
        data.read_batches = sleepy_batches
    awake(loaded)


if __name__ == "__main__":
    awake, train.train = train.train, train_sleepily
    sys.exit(main(sys.argv[1:]))
