"""A course's content on disk: its rubrics, its datasets with their digests, its baselines.

`course` knows where things lie; `rubric` loads an assignment with what it is compared against. A dataset is a manifest and
its decoded splits (`dataset`), found on this machine (`find_dataset`) or brought from its address (`fetch`), and compared
with the manifest's digests before it is used. `served_data` is what a submission is given of it: none of what is judged.
Data is never in git.
"""
