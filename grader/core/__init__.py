"""Values that all other rooms speak in: evidence, results, grades, a rubric, limits, errors; and how they are kept on disk.

`evidence` is what is known of one run, `results` what the rubric says of it, `grades` what the student gets. Nothing here
starts a process or reads a submission: whatever else the grader does is a way from one of these values to the next.
"""
