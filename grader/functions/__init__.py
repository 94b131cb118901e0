"""Functions: an exercise whose answer is a module of functions, graded by calling them.

A course writes `cases.py` beside its rubric: for each function the right answer (an oracle) and the arguments to try,
as examples or as Hypothesis strategies. There are two processes:

- the host draws arguments, keeps the oracle and its values, and compares;
- the sandbox holds the submitted module and `guest.py`, gets a function's name and arguments, and answers with arrays.

Expected values and verdicts never enter the sandbox; what leaves it is dtype, shape and bytes.

Arguments that go wrong are made smaller by Hypothesis until nothing can be left out, so that a student reads the
smallest case that goes wrong. A call that does not return, or ends the process, ends that function; the module is
loaded again for the next one. All calls are evidence: marking compares them with the oracle again, so a corrected
oracle re-marks a class without running anything.

`cases`: what a course writes. `explore`: which calls are made. `module_process` and `guest`: the two ends of a call.
`agreement`: whether an answer is right, and if not, why.
"""
