"""A repository of assignments, graded on every push: `grader.toml` says what is handed in where.

`settings` reads that file; `visiting` takes each submission through the one pipeline, within the budget; `telling` makes the
texts that a CI system reads. What has not changed since evidence was stored is marked again and not run.
"""
