"""What a student can do about an error: what Keras 3 or Python 3 wants instead, and the line to write.

Where an old name only got another one, the kernel makes it work (unless the rubric is strict). What stands here would
change what the student's code computes, so it is explained and never repaired.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from grader.core.evidence import Cause, Cell, Ending

RUN_ALL = "Restart the kernel, run all cells from the top, and mend the first one that fails."
SMALLER = "Use float32 instead of float64, smaller images or batches, and load photographs batch by batch."
SHORTER = (
    "Use fewer epochs or a smaller network, and look for loops that predict or draw image by image: "
    "predict many images in one call."
)
NEVER_ENDS = "This cell trains nothing and never ended: look at its loop (`while True`), and give it an end."
ENDLESS = r"\bwhile\b|\bcount\(|\bcycle\("
MISSING = "ImportError|ModuleNotFoundError"
MOST_SEARCHED = 300_000  # characters of a submission that are searched for definitions
PYTHON_2 = "This is Python 2"


@dataclass(frozen=True)
class Hint:
    """For an error with a name in `errors` whose message holds `message`, in a cell that holds `source`.

    All three are regular expressions; in `text`, `\\1` is what the message named.
    """

    errors: str
    message: str
    text: str
    source: str = ""


# The first that fits is taken: the special before the general.
HINTS: tuple[Hint, ...] = (
    # --- Python 2 ---
    Hint("SyntaxError", r"Missing parentheses in call to 'print'|Missing parentheses in call to 'exec'",
         f"{PYTHON_2}: write `print(...)` with parentheses."),
    Hint("SyntaxError", r"multiple exception types must be parenthesized|leading zeros in decimal",
         f"{PYTHON_2}: write `except Error as e:`, and numbers without zeros in front."),
    Hint("NameError", r"name '(xrange|raw_input|unicode|unichr|basestring|long|reduce)'",
         f"{PYTHON_2}: `\\1` is gone; today it is `range`, `input`, `str`, `chr`, `int` or `functools.reduce`."),
    Hint(MISSING, r"No module named '(cPickle|urllib2|urlparse|ConfigParser|StringIO|Queue|Tkinter|cStringIO)'",
         f"{PYTHON_2}: `\\1` has another name in Python 3 (`pickle`, `urllib.request`, `io`, ...)."),
    Hint("AttributeError", r"'dict' object has no attribute '(iteritems|itervalues|iterkeys|has_key)'",
         f"{PYTHON_2}: instead of `\\1` write `items()`, `values()`, `keys()` or `key in ...`."),
    # --- other frameworks, TensorFlow 1 ---
    Hint("SyntaxError", r"", "This looks like R: the exercise is to be done in Python, with Keras.",
         source=r"(?m)^[ \t]*library\(|^[ \t]*[\w.$]+[ \t]*<-\s|%>%"),
    Hint(MISSING, r"No module named '(torch|torchvision|torchsummary|fastai|pytorch_lightning|lightning|jax|flax|mxnet|"
         r"theano|tflearn|lasagne|caffe|paddle|chainer)\b",
         "The exercise is to be done in Keras: `\\1` is another framework and is not installed here."),
    Hint(MISSING, r"tensorflow\.(examples|contrib)|No module named 'input_data'",
         "That is TensorFlow 1's and is gone: load the digits with `keras.datasets.mnist.load_data()` and build the network "
         "with `keras.Sequential`, `compile` and `fit`."),
    Hint("AttributeError", r"module 'tensorflow(?:\._api[\w.]*)?' has no attribute '(\w+)'",
         "`tf.\\1` is TensorFlow 1's, where graphs and sessions were built by hand: build the network with "
         "`keras.Sequential`, `compile` and `fit`."),
    Hint("RuntimeError|NotImplementedError", r"in eager mode or within tf\.function|only available when eager execution",
         "Take out `disable_v2_behavior()` and `disable_eager_execution()`: Keras 3 is built on what they turn off."),
    Hint("RuntimeError", r"not compatible with eager execution|graph is empty|Session graph",
         "Graphs and sessions are TensorFlow 1's: build the network with `keras.Sequential`, `compile` and `fit`."),
    # --- old names of Keras, where nothing stands for them ---
    Hint(MISSING, r"wrappers\.scikit_learn",
         "Keras 3 has no `KerasClassifier`: call `fit` and `predict` of the Keras model itself."),
    Hint(MISSING, r"scikeras",
         "The package `scikeras` is not installed where notebooks are graded: call `fit` and `predict` of the Keras model "
         "itself."),
    Hint(MISSING, r"No module named 'marimo'",
         "This is a marimo notebook, whose cells are functions. Hand it in as a Jupyter notebook: "
         "`marimo export ipynb work.py -o work.ipynb`."),
    Hint(".*", r"np_utils", "Keras 3 has no `np_utils`: write `from keras.utils import to_categorical`."),
    Hint(MISSING, r"ImageDataGenerator",
         "Keras 3 moved it: write `from tensorflow.keras.preprocessing.image import ImageDataGenerator`."),
    Hint(f"{MISSING}|AttributeError",
         r"keras\.(?:layers\.(?:core|convolutional|pooling|normalization|experimental|embeddings|recurrent)|engine"
         r"|utils\.vis_utils|wrappers|optimizers\.legacy)\b|vis_utils",
         "That path is Keras 2's: import layers from `keras.layers`, tools from `keras.utils`, and optimizers from "
         "`keras.optimizers`."),
    Hint("AttributeError", r"'(fit_generator|predict_generator|evaluate_generator|predict_classes|predict_proba)'",
         "`\\1` was taken out of Keras: use `fit`, `evaluate` and `predict`; classes are `predict(x).argmax(axis=1)`."),
    Hint("TypeError|ValueError",
         r"(?:argument|recognized|supported).*'(?:lr|nb_epoch|border_mode|output_dim|init|subsample|samples_per_epoch|"
         r"dim_ordering|rate|units|workers|nb_classes)'",
         "That is a name of an old Keras: it is now `learning_rate`, `epochs`, `padding`, `units`, "
         "`kernel_initializer`, `strides`, `rate`, `num_classes` or `steps_per_epoch`; `workers=` is gone."),
    Hint("ValueError", r"must end in `\.(?:keras|weights\.h5)`|Invalid filepath extension",
         "Keras 3 tells by the name how to save: `model.keras` for a whole network, `x.weights.h5` for weights alone."),
    Hint("AttributeError", r"module 'numpy' has no attribute '(\w+)'",
         "NumPy took `np.\\1` out: write `int`, `float`, `bool` or `object`, or NumPy's name of today."),
    Hint("AttributeError", r"has never been called and thus has no defined (input|output)",
         "Begin the network with `keras.Input(shape=...)`, or write `model.\\1s`."),
    Hint("AttributeError", r"module 'time' has no attribute 'clock'", "Write `time.perf_counter()`."),
    # --- compiling and fitting ---
    Hint("RuntimeError|ValueError", r"must (?:call `?compile|compile your model)|call `compile\(\)`",
         "Call `model.compile(optimizer=..., loss=..., metrics=[\"accuracy\"])` before `fit`."),
    Hint("ValueError", r"received monitor=val_acc\b",
         "The metric is called as in `metrics=[...]`: write `monitor=\"val_accuracy\"`."),
    Hint("ValueError", r"received monitor=acc\b",
         "The metric is called as in `metrics=[...]`: write `monitor=\"accuracy\"`."),
    Hint("ValueError", r"received monitor=([\w ]+)",
         "There is no metric of the name `\\1`: monitor one of `loss`, `accuracy`, `val_loss` and `val_accuracy`."),
    Hint("TypeError", r"'(range|list|tuple|str)' object cannot be interpreted as an integer",
         "`epochs`, `batch_size` and `steps_per_epoch` are whole numbers, not a `\\1`: write `epochs=5`.", r"\bfit\w*\("),
    Hint("TypeError", r"'(float)' object cannot be interpreted as an integer",
         "Counts are whole numbers: write `//` instead of `/`, or `int(...)`."),
    Hint("ValueError", r"target\.shape=\(\w+, \d+\), output\.shape=\(\w+, \w+, \w+, \d+\)",
         "The output is still a stack of maps: put `Flatten()` (or `GlobalAveragePooling2D()`) before the first `Dense`."),
    Hint("ValueError", r"must have the same rank.*target\.shape=\((?:None|\d+),\)",
         "The labels are whole numbers, the output has a unit for each class: write "
         "`loss=\"sparse_categorical_crossentropy\"`, or make the labels one-hot with `keras.utils.to_categorical`."),
    Hint("ValueError", r"Argument `output` must have rank \(ndim\) `target\.ndim - 1`",
         "The labels are one-hot already: write `loss=\"categorical_crossentropy\"`."),
    Hint("ValueError", r"must have the same shape.*target\.shape=\((?:None|\d+), 1\)",
         "The labels are single numbers, the output has several units: one unit with sigmoid and `binary_crossentropy`, or "
         "several with softmax and `sparse_categorical_crossentropy`."),
    Hint("ValueError", r"must have the same shape.*target\.shape",
         "The labels have another number of columns than the output has units: one unit with sigmoid goes with labels 0 "
         "and 1 (`class_mode=\"binary\"`), one unit a class with softmax with one-hot labels."),
    Hint("ValueError", r"expected min_ndim=4, found ndim=3|expected shape=\(None, 28, 28, 1\)",
         "A convolution wants a channel axis: reshape the images to `(-1, 28, 28, 1)`."),
    Hint("ValueError", r"Expected shape \(None, 784\)|expected axis -1 .* to have value 784",
         "The network takes flat images: reshape them to `(-1, 784)`, or begin with `Flatten()`."),
    Hint("ValueError", r"Data cardinality is ambiguous",
         "There must be one label for each image: look at `x.shape` and `y.shape`."),
    Hint("ValueError", r"validation_split` is only supported for tensors or NumPy arrays",
         "Images or labels are a Python list: make arrays of them with `np.array(x)` and `np.array(y)`."),
    Hint("InvalidArgumentError", r"label value of \S+ which is outside the valid range of \[0, 1\)",
         "The output has one unit, and the loss wants one a class: with labels 0 and 1 write "
         "`loss=\"binary_crossentropy\"` (one unit with sigmoid), or take two units with softmax."),
    Hint("InvalidArgumentError", r"label value of (\S+) which is outside the valid range of \[0, (\d+)\)",
         "There is a label \\1, but the output has \\2 units: it needs a unit for each class, and labels count from 0."),
    Hint("ValueError|InvalidArgumentError", r"incompatible|same shape|expected axis|must have the same|\brank\b",
         "Compare the `.shape` of your images with the model's input, and of your labels with its output: one-hot "
         "labels go with `categorical_crossentropy`, integers with `sparse_categorical_crossentropy`."),
    Hint("ValueError", r"too many values to unpack|not enough values to unpack",
         "`load_data()` returns two pairs: write `(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()`.",
         r"load_data\s*\("),
    Hint("KeyError", r"^'?\w*(?:acc|accuracy|loss)'?$",
         "The names in `history.history` follow `metrics=[...]` and whether `fit` got validation data: look at "
         "`history.history.keys()`."),
    # --- files, network, machine ---
    Hint(".*", r"keras-applications",
         "The weights of ImageNet are not here, and the exercise asks for a network of your own: build it from `Conv2D`, "
         "`MaxPooling2D` and `Dense`."),
    Hint("URLError|HTTPError|ConnectionError|gaierror|MaxRetryError|SSLError|Exception",
         r"URL fetch failure|urlopen error|Name or service not known|name resolution|Max retries exceeded",
         "There is no network when your work is graded: use the data of the exercise, and no downloaded weights."),
    Hint(MISSING, r"No module named '([^']+)'",
         "`\\1` is not installed where notebooks are graded, and nothing can be downloaded there: do without it. If it "
         "is a file of your own, hand it in beside the notebook."),
    Hint("FileNotFoundError|OSError|ValueError",
         r"Unable to (?:synchronously )?open file|File not found: filepath|graphviz|\"dot\"",
         "That file or program is not there when your work is graded: train in the notebook instead of loading a saved "
         "network, and leave out drawings by graphviz."),
    Hint("error|AttributeError|TypeError", r"NoneType|!_src\.empty\(\)|\(-215",
         "`cv2.imread` returns None where there is no such file: load the data the way the exercise says, with paths "
         "relative to the notebook.", r"imread"),
    Hint("FileNotFoundError|NotFoundError", r"",
         "The file is not there when your work is graded: load the data the way the exercise says, and write paths "
         "relative to the notebook, not those of your computer, Drive or `/content`."),
    Hint("ValueError", r"Please provide a TPU Name",
         "There is no TPU where notebooks are graded: look for one in a `try`, and take "
         "`tf.distribute.get_strategy()` where there is none."),
    Hint("RuntimeError", r"running event loop|event loop is already running",
         "A notebook runs in an event loop of its own: write `await main()` instead of `asyncio.run(main())`."),
    Hint("ValueError", r"I/O operation on closed file",
         "Something that is written to was closed before. Where `sys.stdout` is redirected, write "
         "`with contextlib.redirect_stdout(file):`, which gives it back."),
    Hint("MemoryError|ResourceExhaustedError|_ArrayMemoryError", r"", f"Your arrays do not fit into memory. {SMALLER}"),
    Hint("IndexError|ValueError", r"list index out of range|not enough values to unpack",
         "The code is run without arguments: take what stands in `sys.argv` only where it is there, else a default.",
         r"\bargv\b"),
    Hint("IndexError|SystemError|AssertionError|RuntimeError", r"",
         "There is no GPU where notebooks are graded: leave out the check, Keras takes what is there.",
         r"(?s)list_physical_devices\(\s*['\"]GPU|GPU device not found|is_gpu_available|num_gpus|Num GPUs"),
    Hint("StdinNotImplementedError", r"",
         "Nobody is there to answer `input()` when your work is graded: write the value into the notebook."),
    Hint("SyntaxError", r"invalid non-printable character|invalid character",
         "There is an invisible or foreign character in it, as comes with text from a web page: type the line again. An "
         "explanation belongs into a Markdown cell."),
    Hint("SyntaxError|IndentationError|TabError", r"",
         "Python can't read this cell: look at the line it names and the one before it (a missing bracket, colon or "
         "quote, or text that belongs into a Markdown cell)."),
    Hint("SystemExit", r"^2$",
         "The code is run without arguments: give each argument of `argparse` a `default`, and none `required=True`."),
    Hint("SystemExit", r"", "Take out `exit()`, `quit()` and `sys.exit()`: they end the notebook."),
    Hint("PermissionError|OSError", r"Read-only|Permission denied", "Write files beside the notebook only."),
    Hint("AttributeError", r"'(?:DataFrame|Series)' object has no attribute '(ix|get_value|set_value|sortlevel|sort)'",
         "`\\1` was taken out of pandas: write `loc` or `iloc`, `at`, `sort_index` or `sort_values`."),
    Hint("NameError", r"name '__file__'",
         "A notebook is no file that runs, so it has no `__file__`: the files beside it are found under their plain names, "
         "and `Path.cwd()` is its folder."),
    Hint("NameError", r"name '([^']+)'",
         "`\\1` has no value yet at this point. Restart the kernel and run all cells from the top: what a deleted or "
         "later cell once did is gone then."),
)  # fmt: skip
ENDINGS: tuple[tuple[tuple[Cause, ...], str], ...] = (
    ((Cause.CELL_TIMEOUT, Cause.WALL_LIMIT, Cause.CPU_LIMIT), SHORTER),
    ((Cause.MEMORY_LIMIT,), SMALLER),
    ((Cause.PROCESS_LIMIT,), "Start no processes of your own: leave out `workers=`, `n_jobs=` and `multiprocessing`."),
    ((Cause.DISK_LIMIT,), "Make fewer files, and delete those that are done with."),
    ((Cause.OUTPUT_LIMIT,), "Print and draw less: `fit(..., verbose=2)`, and no prints or figures in long loops."),
    ((Cause.KERNEL_EXITED,), "Take out `exit()`, `quit()` and `os._exit()`: they end the notebook."),
    ((Cause.PROTOCOL_VIOLATION,), "Leave the notebook's kernel and its messages alone."),
    ((Cause.CRASH, Cause.KILLED), f"Python itself died, most often for want of memory. {SMALLER}"),
)


def hint_for(cell: Cell, cells: tuple[Cell, ...]) -> str:
    """What a student can do about the error of `cell`; the other cells tell where a missing name is defined."""
    error = cell.error
    if error is None:
        return ""
    missing = re.search(r"name '(\w+)'", error.message) if error.name == "NameError" else None
    if missing is not None:
        elsewhere = _defined_elsewhere(missing[1], cell, cells)
        if elsewhere:
            return elsewhere
    for hint in HINTS:
        found = re.search(hint.message, error.message, re.DOTALL) if re.fullmatch(hint.errors, error.name) else None
        if found is not None and re.search(hint.source, cell.source):
            return found.expand(hint.text)
    return RUN_ALL


def hint_for_ending(ending: Ending, cells: tuple[Cell, ...]) -> str:
    """What a student can do about a run that did not finish."""
    stopped = next((cell.source for cell in cells if cell.number == ending.cell), "")
    if ending.cause is Cause.CELL_TIMEOUT and re.search(ENDLESS, stopped) and not re.search(r"\bfit\w*\s*\(", stopped):
        return NEVER_ENDS
    return next((hint for causes, hint in ENDINGS if ending.cause in causes), RUN_ALL)


def _defined_elsewhere(name: str, failed: Cell, cells: tuple[Cell, ...]) -> str:
    """Names a later cell that defines `name`, or a name that differs from it only in upper and lower case."""
    defined = list(zip(cells, _definitions(tuple(cell.source for cell in cells)), strict=True))
    for cell, names in defined:
        if cell.number < failed.number and cell.error is not None and name in names:
            return f"`{name}` would be defined in cell {cell.number}, which failed: mend that cell first."
    for cell, names in defined:
        if cell.number > failed.number and name in names:
            return (
                f"`{name}` is defined in cell {cell.number}, after its use in cell {failed.number}: move that cell up, "
                "then restart the kernel and run all cells from the top."
            )
    for cell, names in defined:
        for other in names if cell.number <= failed.number else ():
            if other != name and other.casefold() == name.casefold():
                return f"Cell {cell.number} defines `{other}`: upper and lower case count, so `{name}` is another name."
    return ""


@lru_cache(maxsize=4)  # several errors of one submission ask the same
def _definitions(sources: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Of each source the names that it defines, of the first `MOST_SEARCHED` characters of all together."""
    found, left = [], MOST_SEARCHED
    for source in sources:
        found.append(_defined_in(source[: max(0, left)]))
        left -= len(source)
    return tuple(found)


def _defined_in(source: str) -> tuple[str, ...]:
    """Names that a source assigns, imports or defines, in order; by its words, since it need not be valid Python."""
    names = re.findall(r"^[ \t]*(?:def|class)[ \t]+(\w+)", source, re.MULTILINE)
    for left in re.findall(r"^([\w \t,()]+)=(?!=)", source, re.MULTILINE):
        names += re.findall(r"\w+", left)
    for imported in re.findall(r"^[ \t]*(?:from[ \t]+\S+[ \t]+)?import[ \t]+(.+)$", source, re.MULTILINE):
        names += [part.split(" as ")[-1].strip() for part in imported.split(",")]
    return tuple(names)
