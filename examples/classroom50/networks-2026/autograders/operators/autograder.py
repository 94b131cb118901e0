"""Grades a submission where Classroom 50's runner calls it: in the student's checkout, with the variables of the submission.

What the student handed in lies in the working directory, and nothing of it is Python's to import here (-P) or pip's to read.
grader.toml lies beside this file, and the report outside the checkout: students can change neither. A mark, good or bad,
ends with 0. Where there is none, no result.json is left and the end is not 0: Classroom 50 says that the autograder failed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

GRADER = "git+https://github.com/your-organisation/grader@v1"
GRADED = (0, 1)  # what `grader ci` ends with: everything passed, something did not

PYTHON = [sys.executable, "-P"]
HERE, CHECKOUT = Path(__file__).resolve().parent, Path.cwd()


def main() -> int:
    """Install the grader, grade, and lay the result where the runner looks for it."""
    clear("result.json")  # one that the student made
    out = Path(tempfile.mkdtemp(prefix="grader-", dir=os.environ.get("RUNNER_TEMP")))
    done = subprocess.run([*PYTHON, "-m", "pip", "install", "--quiet", f"grader[classroom] @ {GRADER}"], cwd=out)
    if done.returncode:
        print("::error::The grader could not be installed.")
        return done.returncode
    if shutil.which("sudo"):  # Ubuntu lets no program make the namespaces that the sandbox is built of
        subprocess.run(["sudo", "-n", "sysctl", "-q", "-w", "kernel.apparmor_restrict_unprivileged_userns=0"], cwd=out)
    words = ["ci", str(CHECKOUT), "--settings", str(HERE / "grader.toml"), "--out", str(out / "report")]
    done = subprocess.run([*PYTHON, "-m", "grader", *words, "--classroom50", str(out / "result.json")], cwd=out)
    if done.returncode not in GRADED:
        return done.returncode
    lay(out / "result.json", "result.json")
    lay(out / "report" / "summary.md", "release-body.md")
    for page in (out / "report").glob("*/*/report.html"):  # for `release_assets`
        lay(page, f"report-{page.parents[1].name}.html")
    return 0


def lay(source: Path, name: str) -> None:
    """Copy a file into the checkout, in place of whatever the student called so."""
    shutil.copyfile(source, clear(name))


def clear(name: str) -> Path:
    """A place in the checkout where nothing is: what the student called so goes, be it a link or a folder."""
    target = CHECKOUT / name
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    target.unlink(missing_ok=True)
    return target


if __name__ == "__main__":
    sys.exit(main())
