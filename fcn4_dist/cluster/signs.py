"""What says that a host is one with Ascend cards, whether these can be used or not.

Where anything does, a job is for them, and what keeps them from being used is told, instead of the
job being done, a hundred times as slowly, on the processor.
"""

import os
from collections.abc import Mapping

from fcn4_dist.cluster.sites import table_of_the_site
from fcn4_dist.host.cards import find_card_ids
from fcn4_dist.host.driver import find_program, host_path

NO_SIGN = "no Ascend card or driver here"
_FILES = ("/dev/davinci_manager", "/etc/ascend_install.info", "/usr/local/Ascend/driver")
_PROGRAM = "npu-smi"
_BEGINNING = "ASCEND_"
"""Of the variables of CANN, of its containers, and of those who have cards given out."""


def sign_of_ascend(environment: Mapping[str, str] = os.environ) -> str:
    """Find what says that this host has Ascend cards.

    Args:
        environment: The variables that workers will start from.

    Returns:
        A part of a sentence, as "/dev/davinci0 is here"; "" if nothing does.
    """
    if cards := find_card_ids():
        return f"/dev/davinci{cards[0]} is here"
    for name in _FILES:
        if os.path.lexists(host_path(name)):
            return f"{name} is here"
    if program := find_program(_PROGRAM):
        return f"{program} is here"
    for name in sorted(environment):
        if name.startswith(_BEGINNING) and environment[name]:
            return f"the variable {name} is set"
    if table := table_of_the_site(environment):
        return f"the rank table {table} is here"
    return ""
