"""The audits of a class whose networks were judged as they were handed in: whom the lot names, and who is trained anyway.

The lot is drawn once everybody's file is judged. It is kept beside the results, and its secret too: the same command on the
same class names the same students. `grader.marking.handed_in` has the draw itself.
"""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from grader.core.assignment import AuditPolicy
from grader.core.errors import Infrastructure
from grader.core.results import BY_LOT, Result, Status
from grader.core.workspace import write_whole
from grader.intake.names import name_some
from grader.marking.handed_in import ALONE, DIFFERS, DUE, NOT_CONFIRMED, NOT_JUDGED, UNPROVED, Lot, draw_again

KEY_FILE, LOT = ".audit-key", "audit.json"
SIZE, MODE = 32, 0o600
# What needs no training to be looked into, or says nothing of the network.
NO_REASON = frozenset(
    {"substitute_data", "code_not_compared", ALONE, DIFFERS, UNPROVED, DUE, NOT_CONFIRMED, NOT_JUDGED}
)


def read_audit_secret(out: Path) -> bytes:
    """The batch's own secret, which is made once. Raises Infrastructure: a lot that can't be repeated is none."""
    path = out / KEY_FILE
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with contextlib.suppress(FileExistsError), os.fdopen(os.open(path, flags, MODE), "wb") as file:
            file.write(secrets.token_bytes(SIZE))
        found = path.read_bytes()
    except OSError as error:
        raise Infrastructure(f"{path}: can't be made or read ({error.strerror}).", "Check the permissions.") from None
    if len(found) != SIZE:
        raise Infrastructure(f"{path}: is damaged.", "Take it away: another lot is drawn.")
    return found


def load_lot(out: Path) -> Lot | None:
    """The lot that is kept beside the results; None where none was drawn, or none can be read."""
    try:
        return Lot.model_validate_json((out / LOT).read_bytes())
    except (OSError, ValidationError):
        return None


def choose_audits(out: Path, rows: Mapping[int, tuple[Result, str]], policy: AuditPolicy) -> dict[int, str]:
    """Which entries (by number) are trained after all, and why; `rows` are results with the digests of the submissions.

    The draw is kept. Raises Infrastructure.
    """
    judged = {place: row for place, row in rows.items() if can_be_audited(row[0])}
    secret = read_audit_secret(out)
    kept, known = load_lot(out), hashlib.sha256(secret).hexdigest()
    lot = kept if kept is not None and kept.secret == known else Lot(secret=known)
    drawn = draw_again(lot, {result.student: digest for result, digest in judged.values()}, policy, secret)
    write_whole(out / LOT, drawn.model_dump_json(by_alias=True, indent=1) + "\n")
    found = {}
    for place, (result, digest) in judged.items():
        reasons = [BY_LOT] if drawn.is_drawn(result.student, digest) else []
        reasons += _looked_at(result) if policy.flagged else []
        if reasons:
            found[place] = "; ".join(reasons)[:300]
    return found


def can_be_audited(result: Result) -> bool:
    """Whether a handed-in network was judged that its code builds: what else there is, a person looks at in any case."""
    judged = result.accuracy is not None and result.status in (Status.GRADED, Status.NEEDS_REVIEW)
    return judged and result.model.source == "handed-in" and result.model.maker == "same"


def _looked_at(result: Result) -> list[str]:
    kinds = dict.fromkeys(flag.kind for flag in result.flags if flag.kind not in NO_REASON)
    return [f"flagged ({name_some(kind.replace('_', ' ') for kind in kinds)})"] if kinds else []
