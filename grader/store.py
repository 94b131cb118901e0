"""Evidence on disk: `evidence.json`, `predictions.npy` and the opaque `model.keras`; the result lies beside it."""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from grader.arrays import read_npy
from grader.errors import Infrastructure, UsageError
from grader.evidence import SCHEMA, Call, Evidence
from grader.results import Result
from grader.workspace import write_whole

EVIDENCE, PREDICTIONS, MODEL, RESULT = "evidence.json", "predictions.npy", "model.keras", "result.json"
CALLS = "calls.json"
MOST_PREDICTIONS = MOST_CALLS = 1 << 28
_CALLS = TypeAdapter(tuple[Call, ...])


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Evidence with the model's outputs on the judged images, float32 (n, units), where there are any.

    `calls` are those of a module's functions.
    """

    evidence: Evidence
    outputs: NDArray[np.float32] | None
    calls: tuple[Call, ...] = ()


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
    plain = json.dumps(evidence.model_dump(mode="json", by_alias=True), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()


def save_evidence(folder: Path, stored: Stored, model: bytes | None) -> None:
    """Write evidence; `evidence.json` last, so that a folder with it is complete. Raises Infrastructure."""
    if stored.outputs is not None:
        write_whole(folder / PREDICTIONS, pack_outputs(stored.outputs))
    if stored.evidence.facts.calls is not None:
        write_whole(folder / CALLS, pack_calls(stored.calls))
    if model is not None:
        write_whole(folder / MODEL, model)
    write_whole(folder / EVIDENCE, stored.evidence.model_dump_json(by_alias=True, indent=1))


def discard_evidence(folder: Path) -> None:
    """Take away what makes a folder of evidence complete. Raises Infrastructure."""
    try:
        (folder / EVIDENCE).unlink(missing_ok=True)
    except OSError as error:
        raise Infrastructure(f"{folder / EVIDENCE}: can't be removed ({error.strerror}).", "Mend --out.") from None


def load_evidence(folder: Path) -> Stored:
    """Read evidence back and compare the predictions with their digest. Raises UsageError."""
    path = folder / EVIDENCE
    try:
        evidence = Evidence.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: can't be read ({error.strerror}).", "Grade the submission again.") from None
    except ValidationError as error:
        raise UsageError(
            f"{path}: is no evidence that this grader reads ({error.error_count()} faults).",
            "Grade the submission again.",
        ) from None
    if evidence.schema_ != SCHEMA:
        raise UsageError(f"{path}: schema is {evidence.schema_}; this grader reads {SCHEMA}.", "Update the grader.")
    facts = evidence.facts
    predictions = facts.judgement.predictions
    return Stored(
        evidence=evidence,
        outputs=_load_outputs(folder / PREDICTIONS, predictions) if predictions else None,
        calls=_load_calls(folder / CALLS, facts.calls) if facts.calls else (),
    )


def _read_described(path: Path, sha256: str, most: int) -> bytes:
    """A file that the evidence describes by its digest. Raises UsageError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: can't be read ({error.strerror}).", "Grade the submission again.") from None
    if len(data) > most or hashlib.sha256(data).hexdigest() != sha256:
        raise UsageError(f"{path}: is not the file that the evidence describes.", "Grade the submission again.")
    return data


def _load_calls(path: Path, sha256: str) -> tuple[Call, ...]:
    try:
        return _CALLS.validate_json(_read_described(path, sha256, MOST_CALLS))
    except ValidationError:
        raise UsageError(f"{path}: holds no calls.", "Grade the submission again.") from None


def _load_outputs(path: Path, sha256: str) -> NDArray[np.float32]:
    try:
        outputs = read_npy(_read_described(path, sha256, MOST_PREDICTIONS))
    except ValueError:
        raise UsageError(f"{path}: holds no predictions.", "Grade the submission again.") from None
    if outputs.ndim != 2 or not outputs.shape[1] or outputs.dtype != np.float32:
        raise UsageError(f"{path}: holds no predictions.", "Grade the submission again.")
    return outputs.astype(np.float32, copy=False)


def save_result(folder: Path, result: Result) -> None:
    """Write `result.json`."""
    write_whole(folder / RESULT, result.model_dump_json(by_alias=True, indent=2) + "\n")


def load_result(folder: Path) -> Result | None:
    """The result in `folder`; None where there is none that can be read."""
    try:
        return Result.model_validate_json((folder / RESULT).read_bytes())
    except (OSError, ValidationError):
        return None
