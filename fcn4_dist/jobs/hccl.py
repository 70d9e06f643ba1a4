"""What HCCL reads from the environment of the workers."""

from collections.abc import Mapping

from fcn4_dist.config import LoadedSettings


def hccl_variables(loaded: LoadedSettings, environment: Mapping[str, str]) -> dict[str, str]:
    """Set what HCCL reads; what the site has set goes before our defaults.

    Args:
        loaded: The settings of the job.
        environment: The variables workers start from.
    """
    if loaded.settings.device_target != "Ascend":
        return {}
    variables = {}
    for name in ("hccl_connect_timeout", "hccl_buffsize"):
        if name in loaded.origins or name.upper() not in environment:
            variables[name.upper()] = str(getattr(loaded.settings, name))
    return variables
