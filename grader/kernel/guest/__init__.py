"""Our code inside the kernel, beside the submission's: it can be tampered with, so nothing it says decides a mark.

`start` launches the kernel, `hooks` changes Keras as it is imported (seeds, served data), `lines`, `caps`, `colab` and
`fitting` let it be run as a person would, the `shims` make old names work, `record` keeps every fitted network and writes
`record.json` and `model.keras` into the artefacts folder. Nothing here imports the grader's other rooms: inside the sandbox
they do not exist.
"""
