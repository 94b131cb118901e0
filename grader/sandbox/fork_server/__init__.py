"""The fork server: an interpreter that has imported TensorFlow once, and gives each program a copy of itself.

`warm` is the sandbox that uses it, `client` the host's end; `server` and `namespaces` run inside, with the standard library
alone. What it holds and how is told at the head of `grader.sandbox`.
"""
