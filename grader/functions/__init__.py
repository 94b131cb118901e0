"""Functions: an exercise whose answer is a module of functions, graded by calling them.

A course writes `cases.py` beside its rubric: for each function the right answer (an oracle) and the arguments to try,
as examples or as Hypothesis strategies. Three processes, one of which ran student code:

- the host draws arguments, keeps the oracle and its values, and compares;
- the sandbox holds the submitted module and `guest.py`, gets a function's name and arguments, and answers with arrays;
- nobody else: expected values and verdicts never enter the sandbox, and what leaves it is dtype, shape and bytes.

Arguments that go wrong are made smaller by Hypothesis until nothing can be left out, so that a student reads the
smallest case that goes wrong. A call that does not return, or ends the process, ends that function; the module is
loaded afresh for the next one. All calls are evidence: marking compares them with the oracle again, so a corrected
oracle re-marks a class without running anything.

`cases.py`: what a course writes. `agreement.py`: is an answer right, and if not, why. `client.py` and `guest.py`: the two
ends of a call. `exploring.py`: which calls are made.
"""
