"""Whatever would download the data: `get_file`, addresses, `tensorflow_datasets`, `fetch_openml`, and downloaders.

What is known is not downloaded: what the course serves is given in its place. A package that is not installed gets a small
stand-in that knows the data of this exercise and nothing else.
"""

import functools
import http.client
import importlib
import inspect
import io
import re
import shutil
import urllib.response
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from grader.kernel.guest.data_paths.layouts import Split, is_other, read_path
from grader.kernel.guest.data_paths.paths import Redirects, as_text, lexists
from grader.kernel.guest.imports import Make, Patch, is_stand_in, stand_in
from grader.kernel.guest.old_names.stand_ins import Nothing
from grader.kernel.guest.wrapping import replaces, replaces_everywhere

PHOTOGRAPHS = ("cats_vs_dogs", "cats_vs_dogs_dataset")
SLICE = re.compile(r"(\w+)(?:\[(-?\d+%?)?:(-?\d+%?)?\])?")
DATASETS = "tensorflow_datasets"
DOWNLOADERS: Mapping[str, tuple[str, ...]] = {
    "gdown": ("download", "download_folder", "cached_download"),
    "wget": ("download",),
    "opendatasets": ("download",),
    "kagglehub": ("dataset_download", "competition_download"),
}


def patches(redirects: Redirects) -> Mapping[str, Patch]:
    """The patches for modules, which are run after their import."""
    made: dict[str, Patch] = dict.fromkeys(DOWNLOADERS, lambda module: patch_downloader(module, redirects))
    made |= {
        DATASETS: lambda module: patch_datasets(module, redirects),
        "keras": lambda module: patch_keras(module, redirects),
        "urllib.request": lambda module: patch_downloads(module, redirects),
        "requests": lambda module: patch_requests(module, redirects),
    }
    if redirects.digits is not None:
        made["sklearn.datasets"] = lambda module: patch_openml(module, redirects)
    return made


def patch_keras(keras: Any, redirects: Redirects) -> None:
    """`keras.utils.get_file`."""
    replaces_everywhere(keras.utils.get_file)(functools.partial(get_file, redirects))


def get_file(redirects: Redirects, original: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """`keras.utils.get_file`: what is known is not downloaded. `load_data` of MNIST ends here, too."""
    given = inspect.signature(original).bind(*arguments, **options).arguments
    extract = bool(given.get("extract") or given.get("untar"))
    asked = [as_text(given.get(name)) or "" for name in ("origin", "fname")]
    if not is_other(*asked, str(given.get("cache_subdir"))):  # Fashion-MNIST has files of the same names
        for name in asked:
            if (found := known_download(redirects, name, extract=extract)) is not None:
                return found
    return original(*arguments, **options)


def known_download(redirects: Redirects, address: str, *, extract: bool = False) -> str | None:
    """The file that stands in for what lies at an address, or the folder that it would be unpacked to; None if unknown."""
    path = address.partition("?")[0]
    name = path.rstrip("/").rpartition("/")[2]
    named = "://" not in path or "mnist" in path.lower()  # other collections lie under the same names elsewhere
    if redirects.digits is not None and named and (found := redirects.digits.find(path)) is not None:
        return found
    if redirects.layouts is None:
        return None
    wanted = read_path(name, redirects.layouts.classes)
    if not wanted.known or wanted.kind not in ("archive", "folder"):
        return None
    redirects.notes.note(f"`{name}` was not downloaded: the photographs that the course serves were taken instead")
    with redirects.off():
        archive = wanted.kind == "archive" and not extract
        return redirects.layouts.archive(wanted) if archive else redirects.layouts.directory(wanted, flat=False)


def patch_downloads(request: Any, redirects: Redirects) -> None:
    """`urllib.request.urlretrieve` and `urlopen` of what is known: the file is there, as if it had been downloaded."""

    @replaces(request, "urlopen")
    def urlopen(original: Any, url: Any, *arguments: Any, **options: Any) -> Any:
        address = _address(url)
        found = known_download(redirects, address)
        if found is None:
            return original(url, *arguments, **options)
        with redirects.off():
            data = Path(found).read_bytes()
        headers = http.client.HTTPMessage()
        headers["Content-Length"] = str(len(data))
        return urllib.response.addinfourl(io.BytesIO(data), headers, address, 200)

    @replaces(request, "urlretrieve")
    def urlretrieve(original: Any, url: Any, filename: Any = None, *arguments: Any, **options: Any) -> Any:
        found = known_download(redirects, _address(url))
        if found is None:
            return original(url, filename, *arguments, **options)
        if filename is not None and not lexists(filename):
            with redirects.off():
                shutil.copyfile(found, filename)
        return (filename or found), None


def _address(url: Any) -> str:
    """The address of a text or of a `Request`."""
    return str(getattr(url, "full_url", url))


def patch_requests(requests: Any, redirects: Redirects) -> None:
    """`requests.get` of what is known, and a session's: an answer with the file that stands in for it."""

    @replaces(requests.Session, "request")
    def request(original: Any, session: Any, method: Any, url: Any, *arguments: Any, **options: Any) -> Any:
        found = known_download(redirects, str(url)) if str(method).upper() == "GET" else None
        if found is None:
            return original(session, method, url, *arguments, **options)
        answer = requests.models.Response()
        answer.status_code, answer.url, answer.reason = 200, str(url), "OK"
        with redirects.off():
            answer._content, answer._content_consumed = Path(found).read_bytes(), True
        answer.headers["content-length"] = str(len(answer._content))
        return answer


def patch_downloader(module: Any, redirects: Redirects) -> None:
    """A downloader that is installed gives what the course serves, and asks nobody for an account."""
    if is_stand_in(module):
        return
    for name in DOWNLOADERS[module.__name__]:

        @replaces(module, name)
        def call(original: Any, *arguments: Any, **options: Any) -> Any:
            return download(redirects, *arguments, **options)

    if hasattr(module, "login"):
        module.login = lambda *arguments, **options: None


def patch_datasets(module: Any, redirects: Redirects) -> None:
    """`tensorflow_datasets` where it is installed: `load` and `builder` give what the course serves, by its name."""
    if is_stand_in(module):
        return
    for name, ours in (("load", load), ("builder", Builder)):

        @replaces(module, name)
        def call(original: Any, asked: str, *arguments: Any, ours: Any = ours, **options: Any) -> Any:
            if not _knows(redirects, str(asked)):
                return original(asked, *arguments, **options)
            redirects.notes.note(f"`{asked}` was not downloaded: the data that the course serves was taken instead")
            return ours(redirects, asked, **options)


def stand_ins(redirects: Redirects) -> dict[str, Make]:
    """Makes modules in the place of packages that are not installed."""

    def make(name: str) -> ModuleType:
        if "." in name:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        redirects.notes.note(f"the package `{name}` is not installed: a stand-in gave the data that the course serves")
        if name == DATASETS:
            return stand_in(name, dataset_functions(redirects))
        known = {function: functools.partial(download, redirects) for function in DOWNLOADERS[name]}
        return stand_in(name, known, lambda asked: Nothing())  # what needs an account, as `login`, does nothing

    return dict.fromkeys((*DOWNLOADERS, DATASETS), make)


def download(redirects: Redirects, *arguments: Any, **options: Any) -> str:
    """What a downloader would return: a path, to what the course serves where it is known."""
    given = [str(item) for item in (*arguments, *options.values()) if isinstance(item, str)]
    for text in given:
        if (found := known_download(redirects, text, extract=not text.endswith(".zip"))) is not None:
            return found
    redirects.notes.note("nothing can be downloaded: what was asked for was left out")
    return str(options.get("output") or options.get("out") or (given[-1].rpartition("/")[2] if given else "."))


def dataset_functions(redirects: Redirects) -> dict[str, Any]:
    """The part of `tensorflow_datasets` that a notebook about this data needs."""
    pictures = Nothing(used=redirects.notes.leave_undrawn, name="show_examples")
    return {
        "load": functools.partial(load, redirects),
        "builder": lambda name, **_: Builder(redirects, name),
        "Split": SimpleNamespace(TRAIN="train", TEST="test", VALIDATION="validation"),
        "as_numpy": lambda dataset: dataset.as_numpy_iterator(),
        "disable_progress_bar": lambda: None,
        "show_examples": pictures,
        "visualization": pictures,
        "list_builders": lambda: [name for name in ("mnist", "cats_vs_dogs") if _knows(redirects, name)],
        "logging": SimpleNamespace(set_verbosity=lambda *_: None, ERROR=40),
    }


class Builder:
    """What `tfds.builder` gives."""

    def __init__(self, redirects: Redirects, name: str) -> None:
        self._redirects, self._name = redirects, name
        self.info = describe(redirects, name)

    def download_and_prepare(self, *_: Any, **__: Any) -> None:
        """The data is there."""

    def as_dataset(self, **options: Any) -> Any:
        """As `tfds.load`."""
        return load(self._redirects, self._name, **options)


def load(
    redirects: Redirects,
    name: str,
    *,
    split: Any = None,
    as_supervised: bool = False,
    with_info: bool = False,
    batch_size: int | None = None,
    **_: Any,
) -> Any:
    """`tfds.load`: a `tf.data.Dataset` for each split that is asked for. Raises ValueError for other data."""
    if not _knows(redirects, name):
        raise ValueError(f"Dataset {name!r} can't be downloaded here: there is only the data of this exercise.")
    info = describe(redirects, name)

    def make(part: Any) -> Any:
        if isinstance(part, (list, tuple)):
            return type(part)(make(item) for item in part)
        dataset = _dataset(redirects, name, str(part), as_supervised)
        return dataset if batch_size is None else dataset.batch(len(dataset) if batch_size == -1 else batch_size)

    made = {part: make(part) for part in info.splits} if split is None else make(split)
    return (made, info) if with_info else made


def describe(redirects: Redirects, name: str) -> Any:
    """The `info` of a dataset."""
    short = _short(name)
    shape: tuple[int | None, ...] = (28, 28, 1)
    names, counts = [str(digit) for digit in range(10)], {"train": 60_000, "test": 10_000}
    if short != "mnist":
        assert redirects.layouts is not None
        shape, names = (None, None, 3), list(redirects.layouts.classes)
        counts = {"train": len(redirects.layouts.mixed("train"))}
    label = SimpleNamespace(
        names=names, num_classes=len(names), int2str=lambda index: names[int(index)], str2int=names.index
    )
    features = {"image": SimpleNamespace(shape=shape), "label": label}
    splits = {part: SimpleNamespace(num_examples=count, name=part) for part, count in counts.items()}
    return SimpleNamespace(
        name=short, features=Features(features), splits=splits, supervised_keys=("image", "label"),
        description="The data that the course serves.", citation="", full_name=short,
    )  # fmt: skip


class Features(dict[str, Any]):
    """Features by name."""

    @property
    def shape(self) -> dict[str, Any]:
        """The shape of each feature."""
        return {name: getattr(feature, "shape", ()) for name, feature in self.items()}


def chosen(split: str, counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The examples of "train[:80%]+test[10:]", each as its split and number. Raises ValueError for what is no split."""
    found: list[tuple[str, int]] = []
    for part in split.replace(" ", "").split("+"):
        read = SLICE.fullmatch(part)
        if read is None:
            raise ValueError(f"Unknown split {split!r}. Should be one of {list(counts)}.")
        if read[1] == "all":
            found += [(name, number) for name, count in counts.items() for number in range(count)]
        elif read[1] in counts:
            count = counts[read[1]]
            limits = slice(*(_limit(text, count) for text in read.groups()[1:]))
            found += [(read[1], number) for number in range(count)[limits]]
        else:
            raise ValueError(f"Unknown split {split!r}. Should be one of {list(counts)}.")
    return found


def _limit(text: str | None, count: int) -> int | None:
    if text is None:
        return None
    return round(int(text[:-1]) * count / 100) if text.endswith("%") else int(text)


def _short(name: str) -> str:
    """A dataset's name without its version or configuration."""
    return name.partition(":")[0].partition("/")[0]


def _knows(redirects: Redirects, name: str) -> bool:
    served = redirects.digits if _short(name) == "mnist" else redirects.layouts if _short(name) in PHOTOGRAPHS else None
    return served is not None


def _dataset(redirects: Redirects, name: str, split: str, as_supervised: bool) -> Any:
    import tensorflow

    dataset = (_digits if _short(name) == "mnist" else _photographs)(tensorflow, redirects, split)
    return dataset.map(lambda item: (item["image"], item["label"])) if as_supervised else dataset


def _photographs(tensorflow: Any, redirects: Redirects, split: str) -> Any:
    assert redirects.layouts is not None
    parts: tuple[Split, ...] = ("train", "test", "validation")
    pairs: dict[str, list[tuple[str, int]]] = {part: redirects.layouts.mixed(part) for part in parts}
    taken = [pairs[part][number] for part, number in chosen(split, {part: len(found) for part, found in pairs.items()})]
    paths, labels = [path for path, _ in taken], [label for _, label in taken]
    labelled = tensorflow.data.Dataset.from_tensor_slices(
        (tensorflow.constant(paths, tensorflow.string), tensorflow.constant(labels, tensorflow.int64))
    )

    def decode(path: Any, label: Any) -> Any:
        image = tensorflow.io.decode_image(tensorflow.io.read_file(path), channels=3, expand_animations=False)
        return {"image": image, "image/filename": path, "label": label}

    return labelled.map(decode)


def _digits(tensorflow: Any, redirects: Redirects, split: str) -> Any:
    import numpy

    assert redirects.digits is not None
    arrays = redirects.digits.arrays()
    numbers = chosen(split, {"train": len(arrays["y_train"]), "test": len(arrays["y_test"])})
    parts = [part for part in ("train", "test") if any(item[0] == part for item in numbers)]
    rows = {part: [number for name, number in numbers if name == part] for part in parts}
    images = numpy.concatenate([arrays[f"x_{part}"][rows[part]] for part in parts] or [arrays["x_train"][:0]])
    labels = numpy.concatenate([arrays[f"y_{part}"][rows[part]] for part in parts] or [arrays["y_train"][:0]])
    return tensorflow.data.Dataset.from_tensor_slices({"image": images[..., None], "label": labels.astype("int64")})


def patch_openml(datasets: Any, redirects: Redirects) -> None:
    """`fetch_openml("mnist_784")`: 70,000 rows, the 60,000 for training first."""

    @replaces(datasets, "fetch_openml")
    def fetch_openml(original: Any, name: Any = None, *arguments: Any, **options: Any) -> Any:
        if str(name).lower() not in ("mnist_784", "mnist-784") and options.get("data_id") != 554:
            return original(name, *arguments, **options)
        redirects.notes.note("`fetch_openml` gave the MNIST that the course serves")
        return openml_digits(datasets, redirects, options)


def openml_digits(datasets: Any, redirects: Redirects, options: Mapping[str, Any]) -> Any:
    """MNIST as OpenML gives it: pixels 0 to 255 in 784 columns, the classes as text."""
    import numpy

    assert redirects.digits is not None
    arrays = redirects.digits.arrays()
    pixels = numpy.concatenate([arrays["x_train"], arrays["x_test"]]).reshape(-1, 784).astype("int64")
    digits = numpy.concatenate([arrays["y_train"], arrays["y_test"]]).astype(str).astype(object)
    data: Any = pixels
    target: Any = digits
    names = [f"pixel{number}" for number in range(1, 785)]
    if options.get("as_frame", "auto") in (True, "auto"):
        pandas = importlib.import_module("pandas")
        data = pandas.DataFrame(pixels, columns=names)
        target = pandas.Series(digits, name="class", dtype="category")
    if options.get("return_X_y"):
        return data, target
    bunch = importlib.import_module("sklearn.utils").Bunch
    return bunch(data=data, target=target, feature_names=names, target_names=["class"], DESCR="MNIST", details={})
