"""Stage B: stored evidence becomes results, in milliseconds and as often as anybody likes. No sandbox, no TensorFlow.

`mark` is the pure function from evidence to a result: the checks' points, the attempt that counts (`repeated_runs`), what
an accuracy is compared with (`accuracy_to_beat`), what a person should look at (`flags`, `similarity`). `regrade` does it
again for a whole folder and says who moved; `publish` writes results for people and machines.
"""
