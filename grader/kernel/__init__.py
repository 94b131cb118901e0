"""Runs a notebook or module in a Jupyter kernel that lives in a sandbox.

`run` is the way in: cells go through nbclient, one after the other. `program` says what the kernel's sandbox holds, and
makes jupyter_client start it there. `border` stands between the kernel's sockets and ours: it counts bytes before they are
read, and is hardened against what messages may say. `outcome` reads what a kernel left and says how its run ended. `guest`
is our code inside the kernel, which records what was trained. Whatever comes out is a claim; a model file is opaque
bytes here.
"""
