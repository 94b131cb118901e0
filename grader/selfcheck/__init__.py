"""A student at their own desk: what the grader will say, before anything is handed in. No mark is made here.

`checking` takes a file through the one pipeline, as a smoke run or in full on public data; `live` takes the network that a
notebook has just trained. Both end in a `Checked`: the findings, which points are certain, and what a full run would cost.
`text` and `card` show it. Whatever is judged here is judged on data that students have: a private split is never opened.
"""
