"""The judge: a second sandbox, with no student code, that opens the student's network and holds no label.

*Files.* `client` is the way in on the host's side. `keras_archive` looks at the model file with zipfile alone and refuses
what is not a saved network; `choose_network` chooses among several. `preparation` says how images become what a network
wants; `match_rows` and `choose_preparation` find out which way is right; `probes` asks the network a little more;
`compare_networks` says whether two are the same one. `worker` runs in the sandbox, and `open_handed_in` there opens a
network that was handed in, in whatever form.

*Processes.* The host never imports Keras and never opens a network. The worker's sandbox is started for one model file and
gone with it; it is our code, imports Keras (or is forked from a server that has, and that opens nothing), and does nothing
but load, describe and predict. No process that ran a submission's code has a part in this, and no judge ever sees a second
student's file: what one network does to its judge happens to itself. Weights alone that were handed in have beside them
the network that the same student's code built, which they are put into.

*Who holds what.* The labels of the judged images stay in the host's memory, where `core.metrics` compares them; they are
in no file, message or environment that a worker could read. The worker has a Python environment, read-only, the model
file in scratch space of its own, and over its socket images without labels. Training images, whose labels are no secret,
go the same way.

*What crosses, and in which form.* Host to worker: the model file as opaque bytes, requests as one line of JSON, images as
raw numbers (bytes, or float32) that the host has resized and laid out itself. Worker to host: *ready*, then for each
request one line of JSON of at most 4 MiB and at most as many bytes as there are answers (`sandbox.channel`); a description
of the layers whose lists, texts and numbers are bounded before they are looked at; outputs as float32, whose count is
known beforehand. Words of Keras' are quoted, shortened, never obeyed. Nothing is unpickled, no path is followed, no
verdict is taken over.

*Order of events.* The worker says *ready* once Keras is imported and before it opens the file: what fails before that word
is our fault (Infrastructure, tried again once), what fails after it is the network's, and becomes a *refused* judgement
with its reason. The host finds the preparation by trying candidates on training images; the first rows that the kernel
says the network was trained on may propose one, and are believed unless the network does far better with another. It
sends the judged images in an order that follows from the file's own digest, and some of them again in another order: a
network that answers by place, or by what stands beside an image, gains nothing and is told apart.

*Who may kill whom.* The host kills the worker, with everything it started, whenever it breaks the protocol, is silent for
ten minutes, passes a limit of the rubric (the watchdog's memory, processes, time) or is done with. The worker can end
itself, which is a refusal, and nothing else: the host is not in its process namespace. The judge dies with the host.

*What is not protected.* A network takes its judge over if it finds a hole in the native code of HDF5, TensorFlow or zlib;
`safe_mode=True` of Keras is a list of what is known to be bad, not a wall. The sandbox then holds it, but its description
of the layers may be a lie and its answers may come from any program instead of the network described: it still has no label
to copy, so it is right only where it can tell what is in the picture. Weights that were trained elsewhere look like any
others; a public test set can be learnt by heart inside them. How long a network took and how much memory it used is known
to whoever watches the machine.
"""
