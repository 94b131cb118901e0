"""The fork server: an interpreter that has imported TensorFlow once, and gives each program a copy of itself.

Theory of operation: at the head of `grader.sandbox`. `server` and `namespaces` run inside, with the standard library alone;
`client` is the host's end.
"""
