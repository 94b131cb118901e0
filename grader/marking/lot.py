"""The lot that names whose network is trained after all. Pure.

Nobody can foresee it without the batch's own secret, nor steer it: who is drawn hangs on every submission that is in it. It
can be repeated by whoever has the secret. Those of a class who come later are drawn among themselves, in a round of their
own: nobody gets out of an audit by handing in again. Who may be drawn, and who is trained for another
reason, `run/audits.py` says.
"""

import hashlib
import hmac
import math
from collections.abc import Mapping

from pydantic import Field

from grader.core.assignment import AuditPolicy
from grader.core.evidence import Value


class Round(Value):
    """One draw: the submissions that were in it (student to digest) and whom it named."""

    submissions: dict[str, str]
    drawn: tuple[str, ...]


class Lot(Value):
    """All draws of a batch; `secret` is the SHA-256 of its secret, by which a draw can be repeated."""

    schema_: int = Field(default=1, alias="schema")
    secret: str
    rounds: tuple[Round, ...] = ()

    def is_drawn(self, student: str, digest: str) -> bool:
        """Whether this very submission was named."""
        return any(student in one.drawn and one.submissions.get(student) == digest for one in self.rounds)


def draw_again(lot: Lot, submissions: Mapping[str, str], policy: AuditPolicy, secret: bytes) -> Lot:
    """The lot with a round for those submissions (student to digest) that were in none yet."""
    known = {(student, digest) for one in lot.rounds for student, digest in one.submissions.items()}
    new = {student: digest for student, digest in submissions.items() if (student, digest) not in known}
    if not new:
        return lot
    before = sum(lot.is_drawn(student, digest) for student, digest in submissions.items())
    least = max(0, policy.least - before)
    drawn = draw(new, share=policy.share, least=least, secret=secret, number=len(lot.rounds))
    return lot.model_copy(update={"rounds": (*lot.rounds, Round(submissions=dict(sorted(new.items())), drawn=drawn))})


def draw(
    submissions: Mapping[str, str], *, share: float, least: int, secret: bytes, number: int = 0
) -> tuple[str, ...]:  # fmt: skip
    """Whom round `number` names among submissions (student to digest), in order of their names."""
    wanted = min(len(submissions), max(least, math.ceil(round(share * len(submissions), 9))))
    everything = "\n".join([str(number), *sorted(f"{digest} {name}" for name, digest in submissions.items())])
    seed = hmac.new(secret, everything.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()

    def ticket(name: str) -> bytes:
        return hmac.new(seed, f"{submissions[name]} {name}".encode("utf-8", "surrogatepass"), hashlib.sha256).digest()

    return tuple(sorted(sorted(submissions, key=lambda name: (ticket(name), name))[:wanted]))
