"""Results and grades in other people's formats: one file a format, each pure (text or bytes in, text or bytes out).

Two families. From *grades*, what the gradebook says of a class: `plain_csv`, `nbgrader` and `moodle_feedback` write
files of our own; `moodle` and `canvas` fill a file that the platform wrote, cell by cell (`worksheet`), after finding
each student's row (`matching`) and asking whether there is a mark to hand on (`handing`). From *results*, what the
rubric says of a submission: `gradescope`, `classroom`, `junit`, `github`, `github_summary`; `shown` takes out first what
only the instructor should see. `cells` is the one home of the guard against formulas.
"""
