"""Checks: small pure functions from what is known about a submission to points and a reason.

`base` says what a check is: it gets a `Case` and its parameters; it returns a `Score` (or None for full points), or raises
`Failure(reason, hint)`. Its docstring is its title. `registry` knows all checks by name, reads a rubric's parameters and
runs them; it is the one place where an exception of ours becomes BROKEN. The checks themselves: `execution`, `training`,
`architecture` (with `family`, the known architectures), `accuracy`, `functions`. `layers` knows Keras' layers by name and
`hints` what a student can do about an error, both from a TOML file beside them. Nothing here imports TensorFlow or reads
what was handed in.

A course's own checks are in a file beside its rubric, which names them `checks:my_check`. They are made of what this package
exports:

    from grader.checks import Case, Failure, Parameters, Score, check
"""

from grader.checks.base import Case, Score, check
from grader.core.errors import Failure
from grader.core.evidence import Value as Parameters

__all__ = ["Case", "Failure", "Parameters", "Score", "check"]
