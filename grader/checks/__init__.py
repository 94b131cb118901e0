"""Checks: small pure functions from what is known about a submission to points and a reason.

`check` says what one is; `registry` knows them by name and reads their parameters; `runner` runs a rubric and is the one
place where an exception of ours becomes BROKEN. The checks themselves stand by what they look at: `execution`, `training`,
`architecture`, `convolution`, `accuracy`; `kinds` knows Keras' layers by name. A check gets a `Case` and its parameters; it
returns a `Score` (or None for full points), or raises `Failure(reason, hint)`. Its docstring is its title. Nothing here
imports TensorFlow or touches a file.

A course's own checks stand in a file beside its rubric and are named there as `checks:my_check`. What they are made of is
what this package shows:

    from grader.checks import Case, Failure, Parameters, Score, check
"""

from grader.checks.base import Case, Score, check
from grader.core.errors import Failure
from grader.core.evidence import Value as Parameters

__all__ = ["Case", "Failure", "Parameters", "Score", "check"]
