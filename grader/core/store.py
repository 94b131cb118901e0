"""Evidence on disk: `evidence.json`, `predictions.npy` and the opaque `model.keras`; the result lies beside it."""

import errno
import hashlib
import io
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from grader.core.errors import Infrastructure, UsageError
from grader.core.evidence import SCHEMA, Call, Evidence
from grader.core.files import read_npy
from grader.core.results import Grade, Result
from grader.core.workspace import write_whole

EVIDENCE, PREDICTIONS, MODEL, RESULT = "evidence.json", "predictions.npy", "model.keras", "result.json"
CALLS = "calls.json"
AUDIT = "audit"  # the folder of the trained run beside that of a handed-in network
MOST_PREDICTIONS = 1 << 28  # bytes of predictions or calls
_CALLS = TypeAdapter(tuple[Call, ...])


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Evidence with the model's outputs on the judged images, float32 (n, units), where there are any.

    `calls` are those of a module's functions.
    """

    evidence: Evidence
    outputs: NDArray[np.float32] | None
    calls: tuple[Call, ...] = ()
    audit: "StoredAudit | None" = None  # of a handed-in network


@dataclass(frozen=True, kw_only=True)
class StoredAudit:
    """That a handed-in network is trained after all, why, and the run in which it was; None: not yet."""

    why: str
    run: Stored | None


def pack_outputs(outputs: NDArray[np.float32]) -> bytes:
    """The bytes of a `.npy`."""
    buffer = io.BytesIO()
    np.save(buffer, outputs, allow_pickle=False)
    return buffer.getvalue()


def pack_calls(calls: tuple[Call, ...]) -> bytes:
    """The bytes of `calls.json`."""
    return _CALLS.dump_json(calls)


def evidence_digest(evidence: Evidence) -> str:
    """SHA-256 of the evidence as canonical JSON: what a result quotes."""
    told = evidence.model_dump(mode="json", by_alias=True)
    for name in ("modules", "markdown", "counts"):
        if not told["submission"][name]:
            del told["submission"][name]  # as it was before there were any: a stored result quotes the digest
    for cell in told["claims"]["cells"]:
        if not cell["tags"]:
            del cell["tags"]
    for part, name in ((told["facts"], "handed_in_network"), (told, "environment")):
        if part[name] is None:
            del part[name]
    plain = json.dumps(told, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()


def pack_evidence(stored: Stored, model: bytes | None) -> dict[str, bytes]:
    """The files of evidence, name to bytes; `evidence.json` last."""
    files = {}
    if stored.outputs is not None:
        files[PREDICTIONS] = pack_outputs(stored.outputs)
    if stored.evidence.facts.calls is not None:
        files[CALLS] = pack_calls(stored.calls)
    if model is not None:
        files[MODEL] = model
    return {**files, EVIDENCE: stored.evidence.model_dump_json(by_alias=True, indent=1).encode("utf-8", "replace")}


def save_evidence(folder: Path, stored: Stored, model: bytes | None) -> None:
    """Write evidence; `evidence.json` last, so that a folder with it is complete. Raises Infrastructure.

    What an older run left there goes first: its network must not lie beside evidence that has none.
    """
    discard_evidence(folder)
    for name, data in pack_evidence(stored, model).items():
        write_whole(folder / name, data)


def discard_evidence(folder: Path) -> None:
    """Take away a run's files, first the one that makes them complete. Raises Infrastructure."""
    for name in (EVIDENCE, PREDICTIONS, CALLS, MODEL):
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise Infrastructure(
                f"{folder / name}: can't be removed ({error.strerror}).", "Check the permissions of --out."
            ) from None


def holds_model(folder: Path, evidence: Evidence) -> bool:
    """Whether the network that lies there is the one that the evidence describes; none where it describes none.

    Nor need there be one that was refused: what no network can be is known by its digest alone.
    """
    described = evidence.facts.model.sha256 if evidence.facts.model else None
    try:
        with (folder / MODEL).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return described is None or evidence.facts.judgement.outcome == "refused"
    return found == described


def load_evidence(folder: Path) -> Stored:
    """Read evidence back and compare the predictions with their digest. Raises UsageError."""
    return _parse_evidence(lambda name: (folder / name).read_bytes(), folder)


def load_predictions(folder: Path, sha256: str) -> NDArray[np.float32]:
    """The model's outputs in a folder of evidence, float32 (n, units). Raises UsageError where they are others."""
    data = _described(lambda name: (folder / name).read_bytes(), PREDICTIONS, sha256, folder)
    return _read_outputs(data, folder / PREDICTIONS)


def unpack_evidence(files: Mapping[str, bytes], where: str) -> Stored:
    """Evidence from the bytes of its files, whoever made them; `where` they came from. Raises UsageError."""

    def read(name: str) -> bytes:
        if name not in files:
            raise FileNotFoundError(errno.ENOENT, "it is missing")
        return files[name]

    return _parse_evidence(read, Path(where))


def _parse_evidence(read: Callable[[str], bytes], folder: Path) -> Stored:
    path = folder / EVIDENCE
    try:
        evidence = Evidence.model_validate_json(read(EVIDENCE))
    except OSError as error:
        raise _unusable(path, f"can't be read ({error.strerror})") from None
    except ValidationError as error:
        raise _unusable(path, f"is not evidence that this grader can read ({error.error_count()} errors)") from None
    if evidence.schema_ != SCHEMA:
        raise UsageError(f"{path}: schema is {evidence.schema_}; this grader reads {SCHEMA}.", "Update the grader.")
    facts = evidence.facts
    predictions = facts.judgement.predictions
    outputs: NDArray[np.float32] | None = None
    calls: tuple[Call, ...] = ()
    if predictions:
        outputs = _read_outputs(_described(read, PREDICTIONS, predictions, folder), folder / PREDICTIONS)
    if facts.calls:
        try:
            calls = _CALLS.validate_json(_described(read, CALLS, facts.calls, folder))
        except ValidationError:
            raise _unusable(folder / CALLS, "does not hold calls") from None
    return Stored(evidence=evidence, outputs=outputs, calls=calls)


def _described(read: Callable[[str], bytes], name: str, sha256: str, folder: Path) -> bytes:
    """A file that the evidence describes by its digest. Raises UsageError."""
    try:
        data = read(name)
    except OSError as error:
        raise _unusable(folder / name, f"can't be read ({error.strerror})") from None
    if len(data) > MOST_PREDICTIONS or hashlib.sha256(data).hexdigest() != sha256:
        raise _unusable(folder / name, "is not the file that the evidence describes")
    return data


def _read_outputs(data: bytes, path: Path) -> NDArray[np.float32]:
    try:
        outputs = read_npy(data)
    except ValueError:
        raise _unusable(path, "does not hold predictions") from None
    if outputs.ndim != 2 or not outputs.shape[1] or outputs.dtype != np.float32:
        raise _unusable(path, "does not hold predictions")
    return outputs.astype(np.float32, copy=False)


def _unusable(path: Path, why: str) -> UsageError:
    return UsageError(f"{path}: {why}.", "Grade the submission again.")


def save_result(folder: Path, result: Result) -> None:
    """Write `result.json`, without what is for colleagues alone; one that says the same is left as it is."""
    text = without_names(result).model_dump_json(by_alias=True, indent=2) + "\n"
    path, data = folder / RESULT, text.encode("utf-8", "replace")
    with suppress(OSError):
        if not path.is_symlink() and path.read_bytes() == data:
            return
    write_whole(path, data)


def without_names(result: Result) -> Result:
    """The result as it may lie in a single student's folder: neither why people decided something nor who they are."""
    grade = None if result.grade is None else _without_names(result.grade)
    return result.model_copy(update={"grade": grade, "members": tuple(map(_without_names, result.members))})


def _without_names(grade: Grade) -> Grade:
    override = grade.override and grade.override.model_copy(update={"author": "", "reason": ""})
    return grade.model_copy(update={"override": override, "review": grade.review and grade.review.without_names})


def load_result(folder: Path) -> Result | None:
    """The result in `folder`; None where there is none that can be read.

    An older grader let checks fail for who handed in nothing: there is nothing that they could have looked at.
    """
    try:
        result = Result.model_validate_json((folder / RESULT).read_bytes())
    except (OSError, ValidationError):
        return None
    return result.model_copy(update={"checks": ()}) if result.absent and result.checks else result


def owner_of(folder: Path) -> str | None:
    """The student whose results lie in `folder`, by what is written in them; None where nothing tells."""
    for name in (RESULT, f"evidence/{EVIDENCE}"):
        try:
            student = json.loads((folder / name).read_bytes())["student"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
        if isinstance(student, str):
            return student
    return None
