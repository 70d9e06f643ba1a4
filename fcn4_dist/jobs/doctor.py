"""The doctor job: every check that a launch makes, as a table."""

import os
from dataclasses import replace
from functools import cache

from fcn4_dist.cluster.imports import check_imports
from fcn4_dist.cluster.sites import at_site
from fcn4_dist.cluster.topology import (
    LaunchRequest,
    Starter,
    Topology,
    plan_nodes,
    plan_topology,
)
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level, errors_in
from fcn4_dist.host.host import Host
from fcn4_dist.jobs.auto_settings import (
    choose_device,
    choose_for_card,
    told_of_device,
)
from fcn4_dist.jobs.found_settings import find_settings
from fcn4_dist.jobs.prepare import Start, find_obstacles
from fcn4_dist.terminal import say_result, table
from fcn4_dist.versions import installed_mindspore


def doctor(loaded: LoadedSettings, request: LaunchRequest) -> int:
    """Check everything that can be checked without starting anything, and print a table.

    Args:
        loaded: Settings of the job that is to be started.
        request: Its workers.

    Returns:
        0 if nothing would stop the job, else 2.
    """
    host = Host.find()
    loaded = choose_device(loaded, request)
    line = told_of_device(loaded)
    findings = [Finding(Level.OK, line, check="device_target")] if line else []
    try:
        request, taken = at_site(request, os.environ, host.addresses)
        if taken:
            findings.append(Finding(Level.OK, taken, check="site"))
    except InputError as error:
        findings.append(Finding(Level.ERROR, str(error), check="site"))

    # Another call would find another free port.
    @cache
    def plan(settings: Settings) -> Topology:
        return plan_topology(plan_nodes(request, host), request, settings.device_target, host)

    start = Start(Starter.MSRUN, host, plan)
    settings = _found("train", loaded, host, findings).settings
    findings += find_obstacles("train", settings, start)
    if installed_mindspore():
        findings.append(check_imports(os.environ))
    of_eval: list[Finding] = []
    settings = _found("eval", loaded, host, of_eval).settings
    evaluation = of_eval + find_obstacles("eval", settings, start)
    findings += [_for_evaluation(finding) for finding in evaluation if finding not in findings]
    rows = [["check", "result", "what was found"]]
    rows += [
        [each.check, each.level.value, line] for each in findings for line in str(each).splitlines()
    ]
    say_result(table(rows))
    errors = len(errors_in(findings))
    say_result(
        f"{errors} would stop the job" if errors else "nothing found that would stop the job"
    )
    return InputError.exit_code if errors else 0


def _found(
    command: str, loaded: LoadedSettings, host: Host, findings: list[Finding]
) -> LoadedSettings:
    """Find out what a job is not told, as its start does; what contradicts that is a finding."""
    try:
        loaded = find_settings(command, loaded, tell=lambda line: None)
    except InputError as error:
        findings.append(Finding(Level.ERROR, str(error), check="settings"))
    return choose_for_card(loaded, host.generation, binds=True)


def _for_evaluation(finding: Finding) -> Finding:
    # Before the first training there is nothing to evaluate, and nothing wrong.
    level = Level.NOTE if finding.level is Level.ERROR else finding.level
    return replace(finding, level=level, check=f"{finding.check} (eval)")
