"""How much a submission may use: `Limits`, and the words it is written in ("30m", "4GiB")."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def _parse(value: Any, units: dict[str, Any], example: str) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"{value} is not understood: write it as in {example!r}")
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", value)
    if found is None or found[2] not in units or len(found[1]) > 15:
        raise ValueError(
            f"{value!r} is not understood: write a number and one of {', '.join(units)}, as in {example!r}"
        )
    return float(found[1]) * units[found[2]]


def parse_duration(value: Any) -> Any:
    """Seconds from "90s", "30m" or "1.5h"; numbers pass through. ValueError for anything else."""
    return _parse(value, SECONDS, "30m")


def parse_span(value: Any) -> Any:
    """Seconds from "10m", "36h" or "7d"; numbers pass through. ValueError for anything else."""
    return _parse(value, SECONDS | {"d": 24 * 3600.0}, "7d")


def parse_size(value: Any) -> Any:
    """Bytes from "512MiB" or "4GiB"; numbers pass through. ValueError for anything else."""
    parsed = _parse(value, BYTES, "4GiB")
    return int(parsed) if isinstance(value, str) else parsed


def write_size(size: float) -> str:
    """`4294967296` as "4 GiB", `1500000` as "1.43 MiB": the largest unit that leaves a number of at least 1."""
    for unit in ("GiB", "MiB", "KiB"):
        if size >= BYTES[unit]:
            number = size / BYTES[unit]
            return f"{number:.3g} {unit}" if number < 100 else f"{number:.0f} {unit}"
    return f"{int(size)} B"


def write_duration(seconds: float) -> str:
    """`95` as "1 min 35 s"; under a minute with one decimal place at most."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


Train = Literal["always", "handed-in", "never"]  # train every network; judge a handed-in one instead; train none
Duration = Annotated[float, BeforeValidator(parse_duration), Field(gt=0, le=48 * 3600)]
Size = Annotated[int, BeforeValidator(parse_size), Field(ge=1 << 20, le=1 << 40)]


class Limits(BaseModel):
    """What one run may use; durations in seconds, sizes in bytes. Each key can be set under `[run]` of a rubric."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wall: Duration = 30 * 60.0  # the whole run
    cell: Duration = 20 * 60.0  # one cell
    cell_after_training: Duration = 5 * 60.0  # one cell behind the last training: it can only draw and print
    call: Duration = 10.0  # one call of a function that a module is asked for
    memory: Size = 4 << 30  # the whole process tree, with its temporary files
    disk: Size = 512 << 20  # the submission's own folder
    processes: Annotated[int, Field(ge=1, le=4096)] = 64
    output: Size = 10 << 20  # all that the notebook prints and draws
    messages: Annotated[int, Field(ge=100, le=10_000_000)] = 20_000
    threads: Annotated[int, Field(ge=1, le=256)] = 2  # of TensorFlow
    batches: Annotated[int, Field(ge=1)] | None = None  # of each `fit`
    strict: bool = False  # old names of Keras fail, as they do elsewhere
    deterministic: bool = False  # TensorFlow's operators give the same bits every time, and take longer
    train: Train = "always"
    model_size: Size = 200 << 20  # a trained network that is handed in

    @property
    def of_a_run(self) -> str:
        """What a training depends on, as JSON: a new kind of limit changes no old text, nor does who is trained at all."""
        return self.model_dump_json(exclude_defaults=True, exclude={"train", "model_size"})

    def of_cell(self, *, after_training: bool) -> float:
        """Seconds that one cell may take."""
        return min(self.cell, self.cell_after_training) if after_training else self.cell
