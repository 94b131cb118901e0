"""What runs inside the kernel, beside the submission: it can be tampered with, so nothing it says decides a mark.

`start` launches the kernel and puts all of this in place. `imports` knows when a module is imported; `patch_keras`
changes Keras then, and puts stages (`wrapping`) around `fit` and its like: the `recorder` keeps every network that is
trained and writes `record.json` and `model.keras` (with `describe_training`, `training_rows`, `notebook_networks`), `smoke`
cuts what takes long. `shell` and `around_cells` let a notebook run as a person would run it; `old_names` makes old names
work, `data_paths` serves data wherever it is looked for. `notes` are what the report tells of all this. Nothing here
imports the grader's other rooms: inside the sandbox they do not exist.
"""
