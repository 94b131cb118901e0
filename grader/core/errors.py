"""The error tree: who is to blame, and what to do next.

GraderError                 anything we say in words; never a traceback
  UsageError        (2)     the person at the keyboard: a path, an option
  SubmissionError   (2)     this submission can't be read; in a batch it becomes a row
  RubricError       (2)     an assignment.toml that can't be followed
  DataError         (2)     a dataset is missing or is not what its manifest says
  SandboxUnavailable(2)     this machine can't hold untrusted code
  Infrastructure    (3)     we broke: a sandbox that did not start, a full disk
Awaiting                    nobody's: a person gives the points of this check (raised by checks only)
Unseen                      nobody's: a smoke run ended before what a check looks at (raised by checks only)
Failure                     theirs: a check's finding, with a reason and a hint (raised by checks only)
"""


class GraderError(Exception):
    """What happened, to which file, and what to do next; `exit_code` is what a command ends with.

    A file's name need not be text: what is no character of it becomes a question mark, or no error could be printed.
    """

    exit_code = 3

    def __init__(self, message: str, remedy: str = "") -> None:
        self.message = message.encode("utf-8", "replace").decode("utf-8")
        self.remedy = remedy.encode("utf-8", "replace").decode("utf-8")
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class UsageError(GraderError):
    """Wrong words on the command line."""

    exit_code = 2


class SubmissionError(GraderError):
    """A submission that can't be read; a batch keeps its row."""

    exit_code = 2


class RubricError(GraderError):
    """An `assignment.toml` that can't be followed."""

    exit_code = 2


class DataError(GraderError):
    """A dataset that is missing, or is not what its manifest says."""

    exit_code = 2


class SandboxUnavailable(GraderError):
    """This machine can't hold untrusted code the way that was asked for."""

    exit_code = 2


class Infrastructure(GraderError):
    """We broke; no mark is lost by it."""


class Unseen(Exception):
    """A check can't say anything: a smoke run did not come to what it looks at. Its text says where it ended."""


class Awaiting(Exception):
    """A check that finds nothing by itself: a person gives its points. Its text says so."""


class Failure(Exception):
    """A check's finding: the reason, and a hint that says what to change."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint
