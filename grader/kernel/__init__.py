"""Runs a notebook or module in a Jupyter kernel that lives in a sandbox.

`run` is the way in: cells go through nbclient, one after the other. `provisioner` makes jupyter_client start the kernel
through `grader.sandbox`, `client` is hardened against what such a kernel may send, and `guest` is our code inside
the kernel, which records what was trained. Whatever comes out is a claim; the model file is opaque bytes here.
"""
