"""Readers that ask for whole folders or open files behind Python's back: Keras, `tf.io`, OpenCV, HDF5, downloads."""

import functools
import http.client
import inspect
import io
import os
import shutil
import types
import urllib.response
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from grader.kernel.guest.data_paths.layouts import is_other, read_path
from grader.kernel.guest.data_paths.paths import Purpose, Redirects, as_text, lexists
from grader.kernel.guest.imports import Patch
from grader.kernel.guest.wrapping import replaces, wrapped


def patches(redirects: Redirects) -> Mapping[str, Patch]:
    """The patches for modules, which are run after their import."""
    return {
        "keras": lambda module: patch_keras(module, redirects),
        "tensorflow": lambda module: patch_tensorflow(module, redirects),
        "cv2": lambda module: patch_opencv(module, redirects),
        "h5py": lambda module: patch_hdf5(module, redirects),
        "urllib.request": lambda module: patch_downloads(module, redirects),
        "requests": lambda module: patch_requests(module, redirects),
    }


def patch_keras(keras: ModuleType, redirects: Redirects) -> None:
    """`get_file` and the readers of folders, at the functions themselves: every alias is the same object."""
    from keras.src.legacy.preprocessing import image
    from keras.src.utils import file_utils, image_dataset_utils

    substitute(file_utils.get_file, get_file, redirects)
    substitute(image_dataset_utils.image_dataset_from_directory, image_dataset, redirects)

    @replaces(image.ImageDataGenerator, "flow_from_directory")
    def flow_from_directory(original: Any, self: Any, directory: Any, *arguments: Any, **options: Any) -> Any:
        return original(self, redirects.existing(directory, "tree"), *arguments, **options)


def substitute(function: Any, stand_in: Callable[..., Any], redirects: Redirects) -> None:
    """Make `function`, under every name it has, call `stand_in(redirects, what it was, ...)`."""
    original = types.FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    original.__kwdefaults__ = function.__kwdefaults__
    name = f"_served_{function.__name__}"
    function.__globals__[name] = functools.partial(stand_in, redirects, original)
    made: dict[str, Any] = {}
    exec(f"def forward(*arguments, **options):\n    return {name}(*arguments, **options)", made)
    function.__signature__ = inspect.signature(original)
    function.__code__, function.__defaults__, function.__kwdefaults__ = made["forward"].__code__, None, None


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


def image_dataset(redirects: Redirects, original: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """`image_dataset_from_directory`; names of classes in another language become those of the folders that are there."""
    bound = inspect.signature(original).bind(*arguments, **options)
    given = bound.arguments.get("directory")
    found = redirects.existing(given, "tree")
    if found is not given:
        bound.arguments["directory"] = found
        if (names := bound.arguments.get("class_names")) and redirects.layouts is not None:
            bound.arguments["class_names"] = folders_of(redirects, str(found), names)
    return original(*bound.args, **bound.kwargs)


def folders_of(redirects: Redirects, directory: str, names: Any) -> list[str]:
    """For each class that is named in whatever language, the name of its folder in `directory`."""
    assert redirects.layouts is not None
    classes = redirects.layouts.classes
    there = {read_path(folder, classes).label: folder for folder in sorted(os.listdir(directory))}  # noqa: PTH208 - names alone
    return [there.get(read_path(str(name), classes).label, str(name)) for name in names]


def patch_tensorflow(tensorflow: Any, redirects: Redirects) -> None:
    """`tf.io` and `Dataset.list_files`, which open files without Python."""
    files = tensorflow.io.gfile
    for name in ("exists", "isdir", "listdir", "stat", "walk"):
        read_existing(files, name, redirects, "look" if name in ("exists", "isdir") else "list")

    @replaces(files, "glob")
    def glob(original: Any, pattern: Any) -> Any:
        return original(pattern) or (
            [found] if isinstance(found := _matching(redirects, pattern), str) else list(found)
        )

    def list_files(original: Any, file_pattern: Any, *arguments: Any, **options: Any) -> Any:
        return original(_matching(redirects, file_pattern), *arguments, **options)

    dataset = tensorflow.data.Dataset
    dataset.list_files = staticmethod(wrapped(dataset.list_files, list_files))

    def resolve(path: Any) -> Any:
        return os.fsencode(redirects.existing(os.fsdecode(path)))

    @replaces(tensorflow.io, "read_file")
    def read_file(original: Any, filename: Any, name: str | None = None) -> Any:
        """Also inside a graph, where the path is known only as it runs."""
        if as_text(filename) is not None:
            filename = redirects.existing(filename)
        elif tensorflow.is_tensor(filename) and redirects.redirected:
            shape = filename.shape
            if tensorflow.executing_eagerly():
                filename = tensorflow.constant(resolve(filename.numpy())) if shape.rank == 0 else filename
            elif shape.rank == 0:
                filename = tensorflow.numpy_function(resolve, [filename], tensorflow.string)
                filename.set_shape(shape)
        return original(filename, name=name)


def read_existing(owner: Any, name: str, redirects: Redirects, purpose: Purpose) -> None:
    """Let `owner.name(path, ...)` read what stands in for a path that is not there."""

    @replaces(owner, name)
    def read(original: Any, path: Any, *arguments: Any, **options: Any) -> Any:
        return original(redirects.existing(path, purpose), *arguments, **options)


def _matching(redirects: Redirects, pattern: Any) -> Any:
    """The files that a pattern stands in for where it matches nothing; else the pattern as it is."""
    import glob

    patterns = [pattern] if as_text(pattern) is not None else pattern
    if not isinstance(patterns, (list, tuple)) or any(as_text(item) is None for item in patterns):
        return pattern
    found = [path for item in patterns for path in glob.glob(as_text(item) or "")]  # noqa: PTH207 - ours
    folders = {folder: str(redirects.existing(folder, "list")) for folder in {os.path.dirname(path) for path in found}}  # noqa: PTH120
    return [_real(redirects, path, folders) for path in sorted(found)] or pattern


def _real(redirects: Redirects, path: str, folders: Mapping[str, str]) -> str:
    """Where a photograph lies: in the folder that stands in for its own, whose name code may read the class off."""
    folder, name = os.path.split(path)
    inside = os.path.join(folders[folder], name)  # noqa: PTH118 - two thousand at a time
    return inside if lexists(inside) else str(redirects.existing(path))


def patch_opencv(cv2: Any, redirects: Redirects) -> None:
    """`cv2.imread`, which says None where there is no file. OpenCV imports itself twice: it is not there the first time."""
    if hasattr(cv2, "imread"):
        read_existing(cv2, "imread", redirects, "read")


def patch_hdf5(h5py: Any, redirects: Redirects) -> None:
    """`h5py.File`: the folder that a network is saved to was there on its author's computer."""

    @replaces(h5py.File, "__init__")
    def start(original: Any, self: Any, name: Any, mode: str = "r", *arguments: Any, **options: Any) -> None:
        text = as_text(name)
        if text is not None and mode not in ("r", "r+") and not Path(text).absolute().parent.is_dir():
            name = redirects.place(name) or name
        original(self, name, mode, *arguments, **options)


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
