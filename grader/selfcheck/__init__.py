"""A student's own work, checked before anything is handed in: what the grader will say. No mark is made here.

`check_submission` takes a file through the one pipeline, as a smoke run or in full on public data; `in_notebook` takes the
network that a notebook has just trained (`grader.check`, `%grader`). Both end in a `Checked` (`estimate`): the findings,
which points are certain, and what a full run would cost. `text` shows it. Whatever is judged here is judged on data that
students have: a private split is never opened.
"""
