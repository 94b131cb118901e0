"""A repository of assignments, graded on every push: `grader.toml` says what is handed in where.

`check_repository` reads that file and takes each submission through the one pipeline, within the budget; `annotations`
makes the texts that a CI system reads. What has not changed since evidence was stored is marked again and not run.
"""
