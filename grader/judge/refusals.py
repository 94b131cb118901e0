"""Keras' words for a model it won't load or run, in a student's words with the next step. Pure."""

import re

REFUSALS: tuple[tuple[str, str], ...] = (
    (
        r"Could not locate (?:class|function) '?(?P<name>[\w>.]+)",
        "the network uses `{name}`, which exists only in your notebook, so it can't be loaded anywhere else: build it "
        "from Keras' own layers (Sequential or the functional API) instead of a class or function of your own",
    ),
    (
        r"Lambda|arbitrary code|unsafe",
        "the network holds a Lambda layer, which is Python code and is not loaded by the grader: use a Keras layer "
        "instead (Rescaling, Reshape, Activation, ...)",
    ),
    (
        r"ResourceExhausted|OOM|bad_alloc|MemoryError|Unable to allocate",
        "the network needs more memory than the limit: use fewer units or filters",
    ),
    (
        r"several inputs or outputs",
        "the network has several inputs or outputs; one image goes in and one prediction comes out",
    ),
    (
        r"input_shape|has never been called|not been built|no defined input",
        "the network's input shape is not known: begin it with `keras.Input(shape=...)`",
    ),
)


def explain_refusal(words: str) -> str:
    """What was wrong with the model; Keras' own words, shortened, where nothing better is known."""
    for pattern, text in REFUSALS:
        found = re.search(pattern, words)
        if found:
            return text.format(**{key: value.split(">")[-1] for key, value in found.groupdict().items()})
    first = words.strip().splitlines()[0] if words.strip() else "no reason given"
    return f"the network could not be loaded or run outside the notebook: {first[:300]}"
