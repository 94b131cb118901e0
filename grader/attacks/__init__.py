"""`grader doctor`: does this very machine hold hostile code? A corpus of hostile cells, each tried beside its control.

Theory of operation. `cells/` holds the attacks, one a file, as a student could have written them; they are data and never
imported (`corpus` reads them). Most are handed in as notebooks of a class that is graded by the ordinary pipeline
(`try_attacks`): the same way that any submission takes. What a program leaves in the place of results is read as results
are. Before each run the host places decoys (`decoys`): files, listening sockets, processes of the user that the sandbox
has. Afterwards it looks at them: a secret that reached an output, a connection that arrived, a process that died. A
cell's own word counts only where there is nothing for the host to see, and a cell that says nothing has not been held: it
has not been run. The control is the same cell in a plain process of the same user (`cell_runner`), without a sandbox: it
shows that the attack is real here. `costly_inputs` tries what the grader's own work costs here. `try_attacks.examine`
goes through all of it, `corpus.decide` makes the findings, and `machine` tells what else is to be known of this machine.
What would be the same on every machine (marks, pages) is not tried here but in the tests. All attacks are harmless where
they are not held: they kill processes made for it, write values back, open without writing, and the bombs are never lit
outside a sandbox.
"""
