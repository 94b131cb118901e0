"""Runs a notebook or module in a Jupyter kernel that lives in a sandbox.

`run_notebook` is the way in: it says what the kernel's sandbox holds, and sends the cells through nbclient, one after the
other. `socket_proxy` makes jupyter_client start the kernel there, and stands between its sockets and ours: it counts bytes
before they are read, and is hardened against what messages may say. `outcome` reads what a kernel left and says how its run
ended. `guest` is our code inside the kernel, which records what was trained. Whatever comes out is a claim; a model file is
opaque bytes here.
"""
