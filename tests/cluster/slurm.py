"""A real Slurm of two nodes on this machine: `python slurm.py 300` runs it until its input ends.

What it starts are its own descendants, those included that make themselves independent (Linux gives orphans
to the nearest 'subreaper'). So nothing is left when its input ends, and that ends with whoever started it.
Everything lies in a temporary folder, ports are free ones, and no installed Slurm is read or changed.
"""

from __future__ import annotations

import contextlib
import ctypes
import getpass
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

NODES = ("n1", "n2")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
SYSTEM = "/usr/sbin:/usr/bin:/sbin:/bin"
PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 60.0
"""Seconds until Slurm must be ready."""

CONFIGURATION = """\
ClusterName=test{port}
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
MinJobAge={min_job_age}
KillWait=2
SlurmdTimeout=30
{nodes}
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> list[str]:
    """Return the programs of Slurm and munge that are not installed here."""
    path = f"{os.environ.get('PATH', '')}{os.pathsep}{SYSTEM}"
    return [name for name in PROGRAMS if shutil.which(name, path=path) is None]


def free_ports(n: int) -> list[int]:
    """Return ports that nothing listens on; all at once, so that they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class Slurm:
    """The running Slurm, as its tests see it.

    Attributes
    ----------
    folder
        Where everything lies; the logs of its services too.
    """

    def __init__(self, folder: Path, supervisor: int) -> None:
        self.folder = folder
        self._supervisor = psutil.Process(supervisor)

    @property
    def environment(self) -> dict[str, str]:
        """What programs need to find this Slurm, and the programs beside this Python."""
        ours = str(Path(sys.executable).parent)
        path = os.pathsep.join([str(self.folder / "bin"), ours, os.environ.get("PATH", ""), SYSTEM])
        return {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path}

    def run(self, *command: str) -> str:
        """Run one of Slurm's commands and return what it said."""
        done = subprocess.run(
            command,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise AssertionError(f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def jobs(self) -> dict[str, tuple[str, str]]:
        """Return {job: (state, node)} of all jobs that Slurm remembers."""
        lines = self.run("squeue", "--noheader", "--states=all", "--format=%i|%T|%N").splitlines()
        rows = [line.split("|") for line in lines]
        return {job: (state, node) for job, state, node in rows}

    def processes(self, *named: str) -> list[psutil.Process]:
        """Return this Slurm's processes whose command line begins like one of these, and all below them."""
        found: dict[int, psutil.Process] = {}
        for process in self._supervisor.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if " ".join(process.cmdline()).startswith(named):
                    found |= {each.pid: each for each in (process, *process.children(recursive=True))}
        return list(found.values())

    def job(self, job: str) -> list[psutil.Process]:
        """Return the processes of a job."""
        return self.processes(f"slurmstepd: [{job}.")

    def programs(self, job: str, program: str) -> list[psutil.Process]:
        """Return the processes of a job that run one program."""
        found = []
        for process in self.job(job):
            with contextlib.suppress(psutil.NoSuchProcess):
                if program in process.cmdline():
                    found.append(process)
        return found

    def power_off(self, node: str) -> None:
        """Let a node go down as in a power cut: its services and whatever runs on it are gone at once."""
        on_it = [f"slurmstepd: [{job}." for job, (_, where) in self.jobs().items() if where == node]
        for process in self.processes(f"slurmd -D -N {node}", *on_it):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.run("scontrol", "update", f"nodename={node}", "state=down", "reason=power cut")


@contextlib.contextmanager
def running(min_job_age: int = 300) -> Iterator[Slurm]:
    """Run a Slurm while the block lasts."""
    if absent := missing():
        raise AssertionError(
            f"These tests start a real Slurm, and {', '.join(absent)} is not installed here: on Debian or"
            " Ubuntu, run 'apt-get install slurm-wlm munge' as root."
        )
    process = subprocess.Popen(
        [sys.executable, __file__, str(min_job_age)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        try:
            said = process.stdout.readline().strip()
            if not said.startswith("/"):
                raise AssertionError(f"Slurm did not start: {said}{process.stdout.read()}")
            yield Slurm(Path(said), process.pid)
        finally:
            process.stdin.close()
            process.wait(timeout=60)


def _start(folder: Path, min_job_age: int) -> None:
    """Start munge, the controller and the nodes."""
    controller, *ports = free_ports(1 + len(NODES))
    host = socket.gethostname().partition(".")[0]
    nodes = "\n".join(
        f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=1 RealMemory=1000"
        for name, port in zip(NODES, ports, strict=True)
    )
    for name in ("bin", "state", "munge", *(f"spool.{node}" for node in NODES)):
        (folder / name).mkdir(mode=0o755)
    (folder / "munge" / "key").write_bytes(os.urandom(1024))
    (folder / "munge" / "key").chmod(0o400)
    text = CONFIGURATION.format(
        folder=folder,
        user=getpass.getuser(),
        host=host,
        port=controller,
        nodes=nodes,
        min_job_age=min_job_age,
    )
    (folder / "slurm.conf").write_text(text)
    # Snakemake's plugin calls `srun` in a job without SLURM_CONF, as if every Slurm lay in /etc/slurm.
    srun = folder / "bin" / "srun"
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun")} "$@"\n')
    srun.chmod(0o755)
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    os.environ["PATH"] += os.pathsep + SYSTEM
    at = folder / "munge"
    munged = ["munged", "--foreground", f"--socket={at}/socket", f"--key-file={at}/key"]
    munged += [f"--pid-file={at}/pid", f"--log-file={at}/log", f"--seed-file={at}/seed"]
    commands = [munged, ["slurmctld", "-D"], *(["slurmd", "-D", "-N", node] for node in NODES)]
    with (folder / "said.log").open("wb") as log:
        for command in commands:
            subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
            if command is munged:
                _wait_for((at / "socket").exists, folder)
    _wait_for(lambda: _states() == ["idle"] * len(NODES), folder)


def _states() -> list[str]:
    done = subprocess.run(
        ["sinfo", "--noheader", "--Node", "--format=%T"], capture_output=True, text=True, check=False
    )
    return done.stdout.split()


def _wait_for(ready: Callable[[], bool], folder: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > end:
            logs = [log for log in sorted(folder.rglob("*log*")) if log.is_file()]
            raise TimeoutError("\n".join(f"{log.name}:\n{log.read_text()[-2000:]}" for log in logs))
        time.sleep(0.1)


def _stop() -> None:
    """End everything that was started, orphans included: first politely, then at once."""
    me = psutil.Process()
    for how in (psutil.Process.terminate, psutil.Process.kill):
        left = me.children(recursive=True)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                how(process)
        psutil.wait_procs(left, timeout=3)
        _bury()


def _bury() -> None:
    """Let go of adopted processes that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def main() -> None:
    """Run a Slurm until the input ends; say where it is, or why it did not start."""
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "orphans cannot be adopted here")
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)  # munge refuses a socket where others may not go
    try:
        _start(folder, int(sys.argv[1]))
        print(folder, flush=True)
        while not select.select([sys.stdin], [], [], 0.2)[0]:  # nothing is ever written: it ends
            _bury()
    except (TimeoutError, OSError) as error:
        print(error, flush=True)
    finally:
        _stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
