"""`grader doctor`: a corpus of hostile cells, tried on this very host, each beside its control.

Theory of operation. `cells/` holds the attacks, one a file, as a student could have written them; they are data and never
imported. Most are handed in as notebooks of a class that is graded by the ordinary pipeline (`classroom`): the
same road that any submission takes. What is left in the place of results is read by the same reader (`leftovers`).
Before each run the host lays out `bait`: files, listening sockets, processes of the very user that the sandbox has.
Afterwards it looks at its own bait: a secret that reached an output, a connection that arrived, a process that died. A
cell's own word counts only where there is nothing for the host to see, and a cell that says nothing has not been held:
it has not been run. The `control` is the same cell in a plain process of the same user (`plain`), without a sandbox:
it shows that the attack is real here. `verdicts` decides, purely; `examination` goes through it all.

The cells of `host` are no attacks on a sandbox: they make inputs for the grader's own work, and are run for that; `host`
looks what the work costs.

All attacks are harmless where they are not held: they kill processes made for it, write values back, open without writing,
and the bombs are never lit outside a sandbox.
"""
