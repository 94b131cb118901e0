"""The judge: a second sandbox, with no student code, that holds the model and no label.

Theory of operation. The host (`client`) starts `worker` in a sandbox of its own, with the model file as opaque
bytes and no dataset in it. The worker says *ready* once Keras is imported and before it opens the model: what
fails before that word is our fault, what fails after it is the model's. It then describes the layers as JSON and
predicts arrays that the host sends. The host prepares those arrays from its own raw images (`preprocessing`),
finds the preparation by trying candidates on *training* images, and compares predictions with labels (`metrics`)
that never leave its memory. `protocol` bounds every message in both directions. What this does not defend: a bug in
Keras' or HDF5's native code is held by the sandbox alone; weights that were trained elsewhere look like any others.
"""
