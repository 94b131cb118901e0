"""Grades deep-learning coursework: evidence first, then the grade.

A submission is run once in a sealed sandbox (`kernel`, `sandbox`), the model it trained is judged in a second
one that holds no student code (`judge`), and everything learnt is frozen as `evidence`: that is `grading.collect`, slow and
done once. `marking.mark` is a pure function of that evidence, so a class is re-marked in seconds (`regrading`), without
sandbox, kernel or judge. `cli` is the face.
"""

__version__ = "0.1.0"
