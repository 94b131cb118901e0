"""Runs a notebook or module in a Jupyter kernel that lives in a sandbox.

`run` is the way in: cells go through nbclient, one after the other. `provisioner` makes jupyter_client start the kernel
through `grader.sandbox`; `border` stands between its two sockets that are used (shell and iopub) and ours, and counts
bytes and messages before anything of them is read; `client` is hardened against what such messages may say; `guest` is our
code inside the kernel, which records what was trained. Whatever comes out is a claim; the model file is opaque bytes here.
"""
