"""A Dask cluster as the place where submissions run: bytes go out, bytes come back, no disk is shared.

Theory of operation. The batch's process is a client of the scheduler at HOST:PORT. Each submission is one task: a call of
one function of the grader's own with one parcel (`parcels`), answered with one. The `worker` is a grader's process
like this one: it holds the sandboxes, reads what comes out of them, and runs no submitted code itself. Labels and marks
stay with the batch: whoever holds a worker can falsify evidence that it makes, and nothing else. Dask itself trusts all who
reach the scheduler: keep its port to yourself.

A worker that goes away (a node that is switched off, a job whose time is up) costs its tasks a new start: first by the
scheduler's own count (`distributed.scheduler.allowed-failures`), then by the batch's. A worker that has other data or
another version is left out and named. What a worker runs when a batch is interrupted runs to its end there, for nothing.
"""
