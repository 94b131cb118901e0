"""Grades deep-learning coursework: evidence first, then the grade.

A submission is run once in a sealed sandbox (`kernel`, `sandbox`), the model it trained is judged in a second
one that holds no student code (`judge`), and everything learnt is frozen as `evidence`. Marking (`checks`,
`grading.mark`) is a pure function of that evidence, so a class is re-marked in seconds. `grading` reads as a
table of contents; `cli` is the face.
"""

__version__ = "0.1.0"
