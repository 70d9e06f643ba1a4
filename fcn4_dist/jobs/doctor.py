"""The doctor job: every check that a launch makes, as a table."""

import os

from fcn4_dist.cluster.preflight import (
    Level,
    Result,
    check_cards,
    check_software,
    check_workers,
)
from fcn4_dist.cluster.topology import Host, LaunchRequest, plan_nodes, plan_topology
from fcn4_dist.config import LoadedSettings
from fcn4_dist.errors import InputError
from fcn4_dist.jobs.checks import check_job
from fcn4_dist.terminal import say, table
from fcn4_dist.versions import installed_mindspore


def doctor(loaded: LoadedSettings, request: LaunchRequest) -> int:
    """Check everything that can be checked without starting anything, and print a table.

    Args:
        loaded: Settings of the job that is to be started.
        request: Its workers.

    Returns:
        0 if nothing would stop the job, else 2.
    """
    results = _all_results(loaded, request)
    rows = [["check", "result", "what was found"]]
    say(table(rows + [[r.check, r.level.value, r.sentence] for r in results]))
    errors = sum(result.level is Level.ERROR for result in results)
    say(f"{errors} would stop the job" if errors else "nothing found that would stop the job")
    return InputError.exit_code if errors else 0


def _all_results(loaded: LoadedSettings, request: LaunchRequest) -> list[Result]:
    settings, environment = loaded.settings, os.environ
    host = Host.find()
    results = check_software(environment)
    version = installed_mindspore()
    results += check_cards(settings.device_target, host, environment, version, settings.precision)
    ranks, on_main = 1, True
    try:
        request = request.with_table_of_the_site(environment)
        nodes = plan_nodes(request, host)
        topology = plan_topology(nodes, request, settings.device_target, host)
        results += check_workers(topology, settings.device_target, host)
        ranks, on_main = topology.ranks, nodes.rank == 0
    except InputError as error:
        # Of a rank table's faults each has a line, below the one that names the file.
        first, *faults = str(error).splitlines()
        sentences = [f"{first} {fault.strip()}" for fault in faults] or [first]
        results += [Result("workers", Level.ERROR, sentence) for sentence in sentences]
    results += check_job("train", settings, ranks, on_main=on_main)
    evaluation = check_job("eval", settings, ranks, on_main=on_main)
    return results + [_for_evaluation(result) for result in evaluation if result not in results]


def _for_evaluation(result: Result) -> Result:
    # Before the first training there is nothing to evaluate, and nothing wrong.
    level = Level.NOTE if result.level is Level.ERROR else result.level
    return Result(f"{result.check} (eval)", level, result.sentence)
