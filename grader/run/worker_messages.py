"""What travels between a batch and a worker elsewhere: plain bytes, both ways, and nothing of them is ever unpickled.

A message is a line of JSON with names and sizes, then the bytes. A submission goes out, with the setting in which it must be
run; evidence (the files of `evidence/`) or what went wrong comes back. No label and no mark is in it. The worker has course
and data of its own and compares: whatever differs that a run depends on is named. An answer is checked as foreign bytes.
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Literal

from grader.checks.architecture import expected_layers
from grader.core.errors import UsageError
from grader.core.evidence import Isolation, Serve, Value
from grader.core.notebook import Script
from grader.core.store import MODEL, Stored, pack_evidence, unpack_evidence
from grader.intake import Submission
from grader.intake.networks import NetworkFile
from grader.run.collect import Collected
from grader.run.context import RunContext, code_digest, evidence_key, versions

REQUEST, TROUBLE = "request.json", "trouble.json"
MOST_HEADER = 1 << 20
MOST_MESSAGE = 2 << 30  # bytes: a network, its predictions, the cells' outputs


class RunRequest(Value):
    """One submission to be run: everything but the bytes of its files, which follow in the order of `files`.

    `setting` is what the run depends on, by name, as the batch has it. `hints` are the folders of course and data there:
    taken where a worker is told of none and has them too, as on a shared disk.
    """

    form: Literal[1] = 1  # another is another grader's
    assignment: str
    isolation: Isolation
    serve: Serve
    seed: int
    student: str
    script: Script
    sha256: str
    notes: tuple[str, ...]
    files: tuple[str, ...]
    way: Literal["trained", "handed-in"] = "trained"
    unseen: bool = False
    code: bool = True  # False: nothing but networks was handed in
    networks: tuple[tuple[str, float], ...] = ()  # of one that is judged as handed in; their bytes follow the files'
    setting: dict[str, str]
    hints: dict[str, str]


class NoEvidence(Value):
    """Why there is no evidence: a worker that can't run anything of this batch, a fault in one run, a bug of ours."""

    kind: Literal["unfit", "fault", "bug"]
    message: str
    remedy: str = ""
    where: str = ""  # the worker


def pack(parts: Mapping[str, bytes]) -> bytes:
    """Named bytes as one piece."""
    header = json.dumps([[name, len(data)] for name, data in parts.items()]).encode()
    return b"".join([header, b"\n", *parts.values()])


def unpack(data: bytes) -> dict[str, bytes]:
    """The named bytes of a message. Raises ValueError for anything that is none."""
    end = data.find(b"\n", 0, MOST_HEADER)
    if end < 0 or len(data) > MOST_MESSAGE:
        raise ValueError("not a message")
    try:
        header = json.loads(data[:end])
    except (ValueError, RecursionError):
        raise ValueError("a message without a list of its parts") from None
    parts: dict[str, bytes] = {}
    place = end + 1
    for name, size in header if _is_list_of_parts(header) else [("", -1)]:
        if size < 0 or name in parts or place + size > len(data):
            raise ValueError("a message with a wrong list of its parts")
        parts[name] = data[place : place + size]
        place += size
    if place != len(data):
        raise ValueError("a message with bytes that nobody announced")
    return parts


def _is_list_of_parts(header: object) -> bool:
    return isinstance(header, list) and all(
        isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and type(item[1]) is int
        for item in header
    )


def setting_of(context: RunContext) -> dict[str, str]:
    """All that a run depends on beside submission and seed, by the name it is told under; the same on every machine."""
    rubric = context.rubric
    expected = json.dumps(asdict(expected_layers(rubric.planned)), sort_keys=True, default=sorted)
    return {
        "the limits under [run]": rubric.assignment.run.of_a_run,
        "the layers that the rubric asks for": expected,
        "the dataset's description": _digest(rubric.dataset.model_dump_json().encode()) if rubric.dataset else "",
        "the data": rubric.data_digest,
        "the served data": context.images.served.digest if context.images else "",
        "the sandbox": context.sandbox.isolation,
        "the grader's code": code_digest(),
        "the platform": sys.platform,
        "what the course adds": context.environment.described.digest if context.environment else "",
        **versions(),
    }


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """What a worker (`here`) has otherwise than the batch (`there`), in words."""
    return [
        f"{name} ({_short(here.get(name, ''))} here, {_short(there.get(name, ''))} there)"
        for name in sorted({*here, *there})
        if here.get(name) != there.get(name)
    ]


def _short(value: str) -> str:
    return f"{value[:12]}..." if len(value) > 40 else value or "nothing"


def pack_request(submission: Submission, context: RunContext, seed: int, hints: Mapping[str, str]) -> bytes:
    """A submission as a message."""
    networks = submission.networks if submission.way == "handed-in" else {}
    request = RunRequest(
        assignment=context.rubric.assignment.id, isolation=context.sandbox.isolation, serve=context.rubric.assignment.serve,
        seed=seed, student=submission.student, script=submission.script, sha256=submission.sha256, notes=submission.notes,
        files=tuple(map(_visible_name, submission.files)), way=submission.way, unseen=submission.unseen,
        code=submission.without_code is None,
        networks=tuple((_visible_name(name), network.saved) for name, network in networks.items()),
        setting=setting_of(context), hints=dict(hints),
    )  # fmt: skip
    files = {f"file-{number}": data for number, data in enumerate(submission.files.values())}
    files |= {f"network-{number}": network.data for number, network in enumerate(networks.values())}
    return pack({REQUEST: request.model_dump_json().encode("utf-8", "replace"), **files})


def unpack_request(data: bytes) -> tuple[RunRequest, Submission]:
    """The order and the submission of a message. Raises ValueError."""
    parts = unpack(data)
    request = RunRequest.model_validate_json(parts[REQUEST])
    files = {_real_name(name): parts[f"file-{number}"] for number, name in enumerate(request.files)}
    networks = {
        _real_name(name): NetworkFile(data=parts[f"network-{number}"], saved=saved)
        for number, (name, saved) in enumerate(request.networks)
    }
    submission = Submission(
        student=request.student, script=request.script, files=files, sha256=request.sha256, notes=request.notes,
        networks=networks, way=request.way, unseen=request.unseen, without_code=None if request.code else ("", ""),
    )  # fmt: skip
    return request, submission


def _visible_name(name: str) -> str:
    """A file's name as JSON text: what is no character of it (a lone surrogate, PEP 383) is spelt out."""
    return name.encode("utf-8", "surrogateescape").hex()


def _real_name(name: str) -> str:
    return bytes.fromhex(name).decode("utf-8", "surrogateescape")


def pack_answer(stored: Stored, model: bytes | None) -> bytes:
    """Evidence as a message."""
    return pack(pack_evidence(stored, model))


def pack_trouble(trouble: NoEvidence) -> bytes:
    """What went wrong as a message."""
    return pack({TROUBLE: trouble.model_dump_json().encode("utf-8", "replace")})


def unpack_answer(data: object, submission: Submission, context: RunContext) -> Collected | NoEvidence:
    """What a worker sent for this submission and the seed of `context`. Raises ValueError for anything else."""
    if not isinstance(data, bytes):
        raise ValueError("no bytes")
    parts = unpack(data)
    if TROUBLE in parts:
        return NoEvidence.model_validate_json(parts[TROUBLE])
    try:
        stored = unpack_evidence(parts, "the worker's answer")
    except UsageError as error:
        raise ValueError(error.message) from None
    evidence, model = stored.evidence, parts.get(MODEL)
    described = evidence.facts.model.sha256 if evidence.facts.model else None
    left_out = model is None and evidence.facts.judgement.outcome == "refused"
    if not left_out and described != (_digest(model) if model is not None else None):
        raise ValueError("a network that is not the one that the evidence describes")
    asked = (
        evidence_key(submission, context),
        submission.student,
        submission.sha256,
        context.rubric.assignment.id,
        context.seed,
    )
    if asked != (evidence.key, evidence.student, evidence.submission.sha256, evidence.assignment, evidence.seed):
        raise ValueError("evidence of another run than the one that was asked for")
    return Collected(stored, model)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
