"""A sweep as a job array of Slurm: a folder with everything in it, and a script that one hands to `sbatch`."""

from __future__ import annotations

import shlex
from pathlib import Path

from ndestudio import __version__
from ndestudio.errors import SpecError
from ndestudio.project.sweep.folder import SweepFolder

SCRIPT = "job.sh"
LOGS = "logs"
_TEXT = """\
#!/bin/bash
# {count} variants of a sweep of NDE Studio {version}. Hand it over in its own folder:  sbatch {script}
# One that was killed is computed when the script is handed over again; results that are there are left.
#SBATCH --job-name={name}
#SBATCH --array=0-{last}{at_once}
#SBATCH --cpus-per-task={processors}
#SBATCH --mem={memory}
#SBATCH --time={time}
#SBATCH --output={logs}/%a.txt
set -eu
cd "${{SLURM_SUBMIT_DIR:-$(dirname "$0")}}"
export OMP_NUM_THREADS=${{SLURM_CPUS_PER_TASK:-{processors}}} OPENBLAS_NUM_THREADS=${{SLURM_CPUS_PER_TASK:-{processors}}} NPROC=${{SLURM_CPUS_PER_TASK:-{processors}}}
exec {program} sweep . --task "$SLURM_ARRAY_TASK_ID" --quiet
"""


def write_script(
    folder: SweepFolder,
    *,
    at_once: int | None = None,
    processors: int = 1,
    memory: str = "4G",
    time: str = "01:00:00",
    program: str = "ndestudio",
) -> Path:
    """Write the script of the job array into the folder of a sweep.

    Parameters
    ----------
    at_once
        Tasks that run at the same time, at most (None: as many as the cluster lets).
    processors, memory, time
        Of each task, as Slurm writes them.
    program
        How the program is called on the cluster.

    Raises
    ------
    SpecError
        The folder cannot be written.
    """
    count = len(folder.variants())
    text = _TEXT.format(
        count=count,
        version=__version__,
        script=SCRIPT,
        name="".join(letter if letter.isalnum() else "-" for letter in folder.spec.name or "sweep")[:40],
        last=count - 1,
        at_once=f"%{at_once}" if at_once else "",
        processors=processors,
        memory=memory,
        time=time,
        logs=LOGS,
        program=shlex.quote(program),
    )
    path = folder.path / SCRIPT
    try:
        (folder.path / LOGS).mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
    except OSError as error:
        raise SpecError(f"{path} cannot be written ({error.strerror or error})") from None
    return path
