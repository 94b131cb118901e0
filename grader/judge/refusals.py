"""Keras' words for a model it won't load or run, in a student's words with the next step. Pure.

Keras wraps a reason in the configuration it was found in, which the student's file wrote: the reason is taken out first,
so that a name in the file can't pass for it.
"""

import re

MOST_WORDS = 1 << 16  # characters of Keras' words that are looked at
WRAPPED = (
    r"\AA total of \d+ objects could not be loaded\. Example error message for object [^\n]*\n\n",
    r"\A(?:\w+: )?Exception encountered when calling [^\n]*\n\n",
)
BEHIND = r"Full object config:|Arguments received by |\n\nList of objects that could not be loaded"
ANSI = re.compile(r"\x1b\[[0-9;]*m")

REFUSALS: tuple[tuple[str, str], ...] = (
    (
        r"Could not locate (?:class|function) '?(?P<name>[\w>.]{1,100})",
        "the network uses `{name}`, which exists only in your notebook, so it can't be loaded anywhere else: build it "
        "from Keras' own layers (Sequential or the functional API) instead of a class or function of your own",
    ),
    (
        r"(?:Cannot deserialize `|Could not deserialize '|its parent module )(?P<name>[\w>.]{1,100})",
        "the network uses `{name}`, which is no layer and no function that networks are built from, and is not loaded by "
        "the grader: build it from Keras' own layers",
    ),
    (
        r"TFSMLayer|TorchModuleWrapper|JaxLayer|FlaxLayer",
        "the network holds a layer that runs another program's model, which is not loaded by the grader: build it from "
        "Keras' own layers",
    ),
    (
        r"vocabulary file",
        "the network reads a vocabulary from a file of its own, which is not loaded by the grader: it judges images",
    ),
    (
        r"Lambda|arbitrary code|unsafe",
        "the network holds a Lambda layer, which is Python code and is not loaded by the grader: use a Keras layer "
        "instead (Rescaling, Reshape, Activation, ...)",
    ),
    (
        r"Not allowed: H5",
        "the file with the network's weights refers to other files, or unpacks to far more than it holds: save the "
        "network with `model.save(...)` and leave the file as it is",
    ),
    (
        r"ResourceExhausted|OOM|bad_alloc|MemoryError|Unable to allocate",
        "the network needs more memory than the limit: use fewer units or filters",
    ),
    (
        r"Unable to (?:synchronously )?open (?:file|object)|JSONDecodeError|UnicodeDecodeError|BadZipFile",
        "the network's file is damaged and can't be opened: save it with `model.save(...)` and leave the file as it is",
    ),
    (
        r"several inputs or outputs",
        "the network has several inputs or outputs; one image goes in and one prediction comes out",
    ),
    (
        r"Expected batch size|batch size of the input",
        "the network takes only a fixed number of images at a time: begin it with `keras.Input(shape=...)` without a "
        "batch size",
    ),
    (
        r"could not convert string to float",
        "the network predicts text; numbers are needed, one for each class",
    ),
    (
        r"input_shape|has never been called|not been built|no defined input",
        "the network's input shape is not known: begin it with `keras.Input(shape=...)`",
    ),
)


def explain_refusal(words: str) -> str:
    """What was wrong with the model; Keras' own words, shortened, where nothing better is known."""
    reason = reason_in(words)
    for pattern, text in REFUSALS:
        found = re.search(pattern, reason)
        if found:
            return text.format(**{key: value.split(">")[-1] for key, value in found.groupdict().items()})
    said = " ".join(next((line for line in reason.splitlines() if line.strip()), "no reason given").split())
    return f"the network could not be loaded or run outside the notebook: {said[:300]}"


def reason_in(words: str) -> str:
    """The innermost of nested error messages, without the configurations around it."""
    kept = words if len(words) <= MOST_WORDS else f"{words[: MOST_WORDS // 8]}\n{words[-MOST_WORDS * 7 // 8 :]}"
    kept = ANSI.sub("", kept)
    kind, _, rest = kept.partition(": ")
    inner = kept.rpartition("Exception encountered: ")[2]
    kept = inner if inner != kept else rest if kind.isidentifier() else kept
    for wrapping in WRAPPED:
        kept = re.sub(wrapping, "", kept, count=1)
    reason = re.split(BEHIND, kept, maxsplit=1)[0]
    return f"{kind}: {reason}" if kind.isidentifier() else reason
