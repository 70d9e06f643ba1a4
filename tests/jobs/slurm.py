"""A real Slurm of two nodes on one machine: a network namespace and daemons of its own for each."""

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.jobs.two_hosts import ADDRESSES, HostOfTwo, two_hosts

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sbatch", "scontrol")
_SECONDS_TO_START = 60.0
_SECONDS_TO_END = 20.0

# Debian's Slurm is built as a site's is; what is left out here is what a site's machines have:
# control groups, accounting, and users.
_CONFIGURATION = """
ClusterName=proof
SlurmctldHost=node0
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool_%n
TmpFS={folder}/tmp
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd_%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd_%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,batch_sched_delay=0
KillWait=20
NodeName=node[0-1] CPUs=4 RealMemory=1000
PartitionName=all Nodes=node[0-1] Default=YES
"""

# A site's nodes have files of their own where Slurm and PMIx keep theirs.
_ENTER = """
set -e
hostname "node$NODE"
mount --bind "$SLURM_FOLDER/hosts" /etc/hosts
mount --bind "$SLURM_FOLDER/tmp$NODE" "$SLURM_FOLDER/tmp"
exec "$@"
"""


@dataclass(frozen=True)
class Slurm:
    """The site.

    Attributes:
        folder: Of its configuration and logs.
        hosts: Its nodes.
    """

    folder: Path
    hosts: tuple[HostOfTwo, HostOfTwo]

    def start(self, node: int, *command: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        """Start a command on a node."""
        variables = {
            "NODE": str(node),
            "SLURM_FOLDER": str(self.folder),
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin",
        }
        enter = ["unshare", "--mount", "--uts", "bash", "-c", _ENTER, "node"]
        return subprocess.Popen(
            ["ip", "netns", "exec", self.hosts[node].name, *enter, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=cwd,
            env=os.environ | variables,
        )

    def run(self, *command: str, cwd: Path | None = None) -> tuple[int, str]:
        """Run a command on node0 to its end.

        Returns:
            Its exit code and what it printed.
        """
        process = self.start(0, *command, cwd=cwd)
        output, _ = process.communicate(timeout=300)
        return process.returncode, output

    def submit(self, *arguments: str, cwd: Path, before: Sequence[str] = ()) -> str:
        """Submit a batch script, and give the job's number."""
        code, output = self.run(*before, "sbatch", "--parsable", *arguments, cwd=cwd)
        assert code == 0, output
        return output.strip()

    def job(self, number: str) -> dict[str, str]:
        """Tell how a job is."""
        code, output = self.run("scontrol", "--oneliner", "show", "job", number)
        assert code == 0, output
        return dict(part.split("=", 1) for part in output.split() if "=" in part)

    def wait_for_end(self, number: str) -> dict[str, str]:
        """Wait until a job has ended, or waits for its next turn, and tell how it is."""
        ends = time.monotonic() + 120
        while True:
            job = self.job(number)
            waits = job["JobState"] == "PENDING" and job["Restarts"] != "0"
            if waits or job["JobState"] in ("COMPLETED", "FAILED", "CANCELLED"):
                return job
            assert time.monotonic() < ends, job
            time.sleep(0.5)


def why_no_slurm() -> str:
    """Say what is missing of Slurm; "" if it is installed."""
    if missing := [name for name in PROGRAMS if shutil.which(name, path=_PATH) is None]:
        return (
            f"Slurm is not installed ({', '.join(missing)}): apt-get install slurmctld slurmd "
            "slurm-client munge libpmix-dev"
        )
    return ""


@contextmanager
def slurm(folder: Path) -> Iterator[Slurm]:
    """Set up the site, and take it away in the end.

    Args:
        folder: An empty folder for its files.
    """
    (folder / "hosts_of_slurm").mkdir()
    with two_hosts(folder / "hosts_of_slurm") as hosts, ExitStack() as daemons:
        site = Slurm(folder, hosts)
        for name in ("state", "tmp", "tmp0", "tmp1", "spool_node0", "spool_node1"):
            (folder / name).mkdir()
        names = [f"{address} node{node}" for node, address in enumerate(ADDRESSES)]
        (folder / "hosts").write_text("\n".join(["127.0.0.1 localhost", *names, ""]))
        (folder / "slurm.conf").write_text(_CONFIGURATION.format(folder=folder))
        # Of control groups Slurm looks at version 1 only when it is asked to use them.
        (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        (folder / "munge.key").write_bytes(secrets.token_bytes(128))
        (folder / "munge.key").chmod(0o400)
        files = [
            f"--{kind}={folder}/munge.{kind.removesuffix('-file')}"
            for kind in ("key-file", "socket", "pid-file", "log-file", "seed-file")
        ]
        daemons.enter_context(_running(site, 0, "munged", "--foreground", "--force", *files))
        _wait_for(folder / "munge.socket")
        daemons.enter_context(_running(site, 0, "slurmctld", "-D"))
        for node in range(2):
            daemons.enter_context(_running(site, node, "slurmd", "-D"))
        ends = time.monotonic() + _SECONDS_TO_START
        while site.run("sinfo", "--noheader", "--format=%t %D")[1].strip() != "idle 2":
            assert time.monotonic() < ends, (folder / "slurmctld.log").read_text()
            time.sleep(0.2)
        yield site
        site.run("scancel", "--full", "--user=root")


_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"


@contextmanager
def _running(site: Slurm, node: int, *command: str) -> Iterator[None]:
    daemon = site.start(node, *command)
    try:
        yield
    finally:
        daemon.terminate()
        try:
            daemon.communicate(timeout=_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            # Munge misses a signal that comes just before it waits for the next connection.
            daemon.kill()
            daemon.communicate()


def _wait_for(path: Path) -> None:
    ends = time.monotonic() + _SECONDS_TO_START
    while not path.exists():
        assert time.monotonic() < ends, f"{path} does not appear"
        time.sleep(0.1)
