"""Real kernels whose notebooks look for the data as people's notebooks do: one cell a way, few kernels."""

import pytest

from grader.core.evidence import Cell
from grader.core.limits import Limits
from grader.core.notebook import read_submission
from grader.core.progress import Silent
from grader.kernel.run_notebook import Execution, Job, run_notebook
from grader.sandbox import open_sandbox
from grader.sandbox.interface import Input
from tests.kernel.served import TESTED, TRAINED, write_digits, write_photographs
from tests.notebooks import notebook

LIMITS = Limits(wall=240.0, cell=120.0, memory=4 << 30)
FILES = {
    "another computer's folders": ("""
import os
base = "/content/drive/MyDrive/gatti_e_cani"
print(sorted(os.listdir(base + "/train")), len(os.listdir(base + "/validazione/gatti")))
print(len(os.listdir("C:\\\\Users\\\\ana\\\\perros_gatos\\\\test\\\\perros")))
""", f"['cat', 'dog'] {TESTED}\n{TESTED}"),
    "existence": ("""
print(os.path.isdir("cats_and_dogs_small/train/cats"), os.path.isfile("D:/x/train/dogs/dog.4.jpg"))
print(os.path.exists("model.h5"), os.path.exists("images"), os.path.exists("logs/train"), os.access("train", os.R_OK))
""", "True True\nFalse False False True"),
    "listings": ("""
import glob, pathlib
print(len(glob.glob("../input/dogs-vs-cats/train/*.jpg")), len(glob.glob("a/train/*/*.jpg")), len(glob.glob("train/cat*")))
print(len(list(pathlib.Path("/kaggle/input/PetImages").rglob("*.jpg"))), len(list(pathlib.Path("b/train").glob("*.jpg"))))
print(sum(len(files) for _, _, files in os.walk("/tmp/cats_and_dogs_filtered")))
with os.scandir("val/cats") as entries:
    print(len(list(entries)))
""", f"{2 * TRAINED} {2 * TRAINED} {TRAINED}\n{2 * TRAINED} {2 * TRAINED}\n{2 * TRAINED + 2 * TESTED}\n{TESTED}"),
    "splitting by hand": ("""
import shutil
original, base = "/Users/fchollet/Downloads/kaggle_original_data", "/Users/fchollet/Downloads/cats_and_dogs_small"
os.mkdir(base)
for split, numbers in (("train", range(0, 20)), ("validation", range(20, 30)), ("test", range(30, 40))):
    os.mkdir(os.path.join(base, split))
    for kind in ("cat", "dog"):
        folder = os.path.join(base, split, kind + "s")
        os.mkdir(folder)
        for number in numbers:
            name = f"{kind}.{number}.jpg"
            shutil.copyfile(os.path.join(original, name), os.path.join(folder, name))
        print(split, kind, len(os.listdir(folder)), os.path.getsize(os.path.join(folder, name)) > 0)
""", "\n".join(f"{split} {kind} {count} True" for split, count in (("train", 20), ("validation", 10), ("test", 10))
               for kind in ("cat", "dog"))),
    "archives": ("""
import zipfile, urllib.request
with zipfile.ZipFile("/content/drive/MyDrive/cats_and_dogs_filtered.zip") as archive:
    archive.extractall("/content")
print(sorted(os.listdir("cats_and_dogs_filtered")), len(os.listdir("/content/cats_and_dogs_filtered/train/dogs")))
path, _ = urllib.request.urlretrieve("https://somewhere.org/kagglecatsanddogs_5340.zip", "pets.zip")
print(path, len(zipfile.ZipFile("pets.zip").namelist()))
shutil.unpack_archive("../input/dogs-vs-cats/train.zip", "/tmp/kaggle")
print(len(os.listdir("/tmp/kaggle/train")))
""", f"['train', 'validation'] {TRAINED}\npets.zip {2 * TRAINED}\n{2 * TRAINED}"),
    "downloaders": ("""
import kagglehub, requests, urllib.request
kagglehub.login()
path = kagglehub.dataset_download("tongpython/cat-and-dog")
print(sorted({kind for _, folders, _ in os.walk(path) for kind in folders} & {"cat", "dog", "cats", "dogs"}))
answer = requests.get("https://somewhere.org/cats_and_dogs_filtered.zip", stream=True, timeout=9)
answer.raise_for_status()
with open("got.zip", "wb") as file:
    for chunk in answer.iter_content(1 << 16):
        file.write(chunk)
names = zipfile.ZipFile("got.zip").namelist()
print(answer.ok, int(answer.headers["content-length"]) == os.path.getsize("got.zip"), any("train/cats" in n for n in names))
with urllib.request.urlopen(urllib.request.Request("https://somewhere.org/cats_and_dogs_filtered.zip")) as opened:
    print(opened.status == 200, opened.read() == open("got.zip", "rb").read())
print(requests.Session().get("https://somewhere.org/cats_and_dogs_filtered.zip").ok)
try:
    requests.get("https://somewhere.org/cifar.zip", timeout=2)
except requests.exceptions.RequestException:
    print("nothing else")
""", "['cat', 'dog']\nTrue True True\nTrue True\nTrue\nnothing else"),
    "moving and removing": ("""
os.makedirs("mine/cats", exist_ok=True)
for name in os.listdir("dogs-vs-cats/train")[:3]:
    shutil.move("dogs-vs-cats/train/" + name, "mine/cats")
print(len(os.listdir("mine/cats")), len(os.listdir("dogs-vs-cats/train")))
os.remove("PetImages/Cat/3.jpg")
shutil.copy("PetImages/Cat/5.jpg", "mine/copy.jpg")
print(len(os.listdir("PetImages/Cat")), os.path.islink("mine/copy.jpg"), len(os.listdir("dataset/train/cat")))
""", f"3 {2 * TRAINED}\n{TRAINED - 1} False {TRAINED}"),
    "pictures": ("""
import cv2
import matplotlib.image
from PIL import Image
print(Image.open("D:\\\\foto\\\\train\\\\cani\\\\dog.7.jpg").size, cv2.imread("/kaggle/input/cats/val/dogs/3.jpg").shape)
print(matplotlib.image.imread("x/train/cats/cat.1.jpg").shape, cv2.imread("nothing.jpg") is None)
""", "(24, 16) (16, 24, 3)\n(16, 24, 3) True"),
    "writing": ("""
open("out/put/log.txt", "w").write("kept")
with open("D:\\\\results\\\\mine.txt", "w") as file:
    file.write("kept")
print(open("out/put/log.txt").read(), open("D:\\\\results\\\\mine.txt").read(), os.listdir("out"))
os.makedirs("dataset/val/cats", exist_ok=True)
shutil.copy("dataset/train/cat/cat.1.jpg", "dataset/val/cats")
print(os.listdir("dataset/val/cats"), sorted(os.listdir("dataset")))
os.chdir("/content/drive/MyDrive/Colab Notebooks")
print(os.path.basename(os.getcwd()))
""", "kept kept ['put']\n['cat.1.jpg'] ['test', 'train']\nsubmission"),
    "what is there is left alone": ("""
os.makedirs("own/train/cats")
open("own/train/cats/mine.txt", "w").close()
print(os.listdir("own/train"), os.listdir("own/train/cats"), len(os.listdir("own/train/dogs")))
print(sorted(os.listdir("dataset/test")))
""", f"['cats'] ['mine.txt'] {TRAINED}\n['cat', 'dog']"),
    "what is missing stays missing": ("""
for path in ("nothing.txt", "IMG_2034.jpg", "models"):
    try:
        os.listdir(path) if path == "models" else open(path)
    except FileNotFoundError as error:
        print(error.filename)
for write in (lambda: open("/usr/x", "w"), lambda: os.mkdir("/proc/x"), lambda: open("dataset/train/cat/x", "rb")):
    try:
        write()
    except OSError as error:
        print(type(error).__name__)
""", "nothing.txt\nIMG_2034.jpg\nmodels\nOSError\nFileNotFoundError\nFileNotFoundError"),
}  # fmt: skip
READERS = {
    "image_dataset_from_directory": ("""
import os, keras
import tensorflow as tf
for directory, options in (("/content/x/mie_foto", {}), ("foto/train", {"class_names": ["cani", "gatti"]}),
                           ("C:\\\\pets\\\\validation", {"labels": "inferred"})):
    read = keras.utils.image_dataset_from_directory(directory, image_size=(8, 8), verbose=False, **options)
    print(read.class_names, sum(len(labels) for _, labels in read))
read = tf.keras.preprocessing.image_dataset_from_directory(
    "data", validation_split=0.2, subset="training", seed=1, image_size=(8, 8), verbose=False)
print(sum(len(labels) for _, labels in read))
""", f"['cat', 'dog'] {2 * TRAINED}\n['dog', 'cat'] {2 * TRAINED}\n['cat', 'dog'] {2 * TESTED}\n{int(1.6 * TRAINED)}"),
    "ImageDataGenerator": ("""
import pandas
generator = tf.keras.preprocessing.image.ImageDataGenerator(rescale=1 / 255)
flow = generator.flow_from_directory("/kaggle/input/cats/training_set", target_size=(8, 8), class_mode="binary")
print(flow.class_indices, flow.samples, float(next(flow)[0].max()) <= 1)
flow = generator.flow_from_directory("train", classes=["cani", "gatti"], target_size=(8, 8))
print(flow.class_indices, flow.samples)
names = os.listdir("../input/dogs-vs-cats/train/train")
table = pandas.DataFrame({"filename": names, "category": [name.split(".")[0] for name in names]})
flow = generator.flow_from_dataframe(table, "../input/dogs-vs-cats/train/train", x_col="filename", y_col="category",
                                     target_size=(8, 8), class_mode="binary")
print(flow.class_indices, flow.samples, next(flow)[0].shape)
print(keras.utils.load_img("C:\\\\x\\\\cats\\\\cat.1.jpg", target_size=(8, 8)).size)
""", f"{{'cats': 0, 'dogs': 1}} {2 * TRAINED} True\n{{'cani': 0, 'gatti': 1}} {2 * TRAINED}\n"
     f"{{'cat': 0, 'dog': 1}} {2 * TRAINED} (32, 8, 8, 3)\n(8, 8)"),
    "tf.data": ("""
def decode(path):
    return tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
print(len(tf.data.Dataset.list_files("/content/x/train/*/*.jpg")), sorted(tf.io.gfile.listdir("/a/cats_and_dogs/train")))
paths = [os.path.join("/content/q/train/cats", name) for name in os.listdir("/content/q/train/cats")]
print(next(iter(tf.data.Dataset.from_tensor_slices(paths).map(decode))).shape, decode("val/dogs/1.jpg").shape)
listed = tf.data.Dataset.list_files("/content/cats_and_dogs_filtered/train/*/*.jpg")
listed = listed.map(lambda path: tf.strings.split(path, os.path.sep)[-2])
print(sorted({bytes(name) for name in listed.as_numpy_iterator()}))
print(tf.io.gfile.exists("cats_and_dogs_small"), tf.io.gfile.exists("models"), len(tf.io.gfile.glob("z/train/*/*.jpg")))
""", f"{2 * TRAINED} ['cat', 'dog']\n(16, 24, 3) (16, 24, 3)\n[b'cats', b'dogs']\nTrue False {2 * TRAINED}"),
    "get_file": ("""
path = tf.keras.utils.get_file("pets.zip", origin="https://x.org/cats_and_dogs_filtered.zip", extract=True)
print(sorted(os.listdir(os.path.join(os.path.dirname(path), "cats_and_dogs_filtered"))))
from tensorflow.keras.utils import get_file
print(os.path.basename(get_file(origin="https://x.org/cats_and_dogs_filtered.zip")))
""", "['train', 'validation']\ncats_and_dogs_filtered.zip"),
    "tensorflow_datasets": ("""
import tensorflow_datasets as tfds
(train, test), info = tfds.load("cats_vs_dogs", split=["train[:80%]", "train[80%:]"], as_supervised=True, with_info=True)
print(len(train), len(test), info.features["label"].names, [int(label) for _, label in train.take(4)])
print(sorted(next(iter(tfds.load("cats_vs_dogs")["train"]))), next(iter(train.map(lambda x, y: x)))[0, 0].shape)
figure = tfds.show_examples(train, info, rows=2)
tfds.visualization.show_examples(train, info).savefig("some.png")
print(os.path.isfile("some.png"))
try:
    tfds.load("cifar10")
except ValueError as error:
    print(error)
""", f"{int(1.6 * TRAINED)} {int(0.4 * TRAINED)} ['cat', 'dog'] [0, 1, 0, 1]\n['image', 'image/filename', 'label'] (3,)\n"
     "True\nDataset 'cifar10' can't be downloaded here: there is only the data of this exercise."),
}  # fmt: skip
DIGITS = {
    "every way to import it": ("""
from tensorflow.keras.datasets.mnist import load_data
from keras.datasets import mnist
import keras, tensorflow as tf
import tensorflow.keras.datasets.mnist as again
import tensorflow.keras.datasets.mnist
ways = [load_data, mnist.load_data, keras.datasets.mnist.load_data, tf.keras.datasets.mnist.load_data, again.load_data,
        tensorflow.keras.datasets.mnist.load_data, lambda: mnist.load_data(path="/content/mnist.npz"),
        lambda: load_data("other.npz")]
for load in ways:
    (x, y), (u, v) = load()
    print(x.shape, u.shape, int(x[7, 0, 0]), int(y[7]), x.dtype)
""", "\n".join(["(60000, 28, 28) (10000, 28, 28) 7 7 uint8"] * 8)),
    "files": ("""
import gzip, struct
import numpy as np, pandas as pd
path = keras.utils.get_file("d.npz", "https://s3.amazonaws.com/img-datasets/mnist.npz")
print(np.load(path)["x_test"].shape, np.load("data/mnist.npz")["x_train"].shape, np.load("x_train.npy").shape)
with gzip.open("data/train-images-idx3-ubyte.gz", "rb") as file:
    print(struct.unpack(">IIII", file.read(16)))
table = pd.read_csv("../input/digit-recognizer/train.csv")
print(table.shape, list(table.columns[:2]), pd.read_csv("/content/sample_data/mnist_test.csv").shape)
""", "(10000, 28, 28) (60000, 28, 28) (60000, 28, 28)\n(2051, 60000, 28, 28)\n"
     "(60000, 785) ['label', 'pixel0'] (10000, 785)"),
    "packages": ("""
from sklearn.datasets import fetch_openml
import tensorflow_datasets as tfds
X, y = fetch_openml("mnist_784", version=1, return_X_y=True, as_frame=False)
print(X.shape, y[:3].tolist())
(train, test), info = tfds.load("mnist", split=["train", "test"], as_supervised=True, with_info=True)
print(len(train), len(test), train.element_spec[0].shape, info.features["label"].num_classes)
""", "(70000, 784) ['0', '1', '2']\n60000 10000 (28, 28, 1) 10"),
    "other data": ("""
for load in (keras.datasets.fashion_mnist.load_data, keras.datasets.cifar10.load_data):
    try:
        load()
    except Exception as error:
        print("no data")
""", "no data\nno data"),
    "folders of saved networks": ("""
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.save("models/deep/x.h5")
model.save("a/x.keras")
print(sorted(tf.io.gfile.listdir("models/deep")), len(tf.io.gfile.listdir("a")))
""", "['x.h5'] 1"),
}  # fmt: skip


def run(cells: dict[str, tuple[str, str]], *inputs: Input) -> Execution:
    job = Job(
        script=read_submission("work.ipynb", notebook(*(code for code, _ in cells.values()))),
        files={}, inputs=inputs, limits=LIMITS, seed=5, units=(1, 2, 10),
    )  # fmt: skip
    return run_notebook(job, open_sandbox("bubblewrap"), who="student", progress=Silent())


def said(cell: Cell) -> str:
    """What a cell printed, without a library's warnings and progress."""
    noise = ("WARNING", "[ WARN", "Found ", "Using ", "Downloading data")
    lines = [line for output in cell.outputs for line in output.text.splitlines() if not line.startswith(noise)]
    return "\n".join(line for line in lines if line.strip()) if cell.error is None else cell.error.traceback


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Input:
    return Input(write_photographs(tmp_path_factory.mktemp("pets") / "dataset"), "submission/dataset")


@pytest.fixture(scope="module")
def files(photographs: Input) -> Execution:
    return run(FILES, photographs)


@pytest.fixture(scope="module")
def readers(photographs: Input) -> Execution:
    return run(READERS, photographs)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Execution:
    return run(DIGITS, Input(write_digits(tmp_path_factory.mktemp("digits")), "data/mnist.npz"))


@pytest.mark.parametrize("name", FILES)
def test_python_finds_the_photographs_behind(files: Execution, name: str) -> None:
    assert said(files.claims.cells[list(FILES).index(name)]) == FILES[name][1]


@pytest.mark.parametrize("name", READERS)
def test_keras_and_tensorflow_find_the_photographs_through(readers: Execution, name: str) -> None:
    assert said(readers.claims.cells[list(READERS).index(name)]) == READERS[name][1]


def test_examples_that_were_to_be_drawn_are_told_with_their_cell(readers: Execution) -> None:
    assert readers.claims.undrawn == (1 + list(READERS).index("tensorflow_datasets"),)


@pytest.mark.parametrize("name", DIGITS)
def test_mnist_is_found_in_full_behind(digits: Execution, name: str) -> None:
    assert said(digits.claims.cells[list(DIGITS).index(name)]) == DIGITS[name][1]


def test_the_report_is_told_of_every_place_once_with_its_cell(files: Execution) -> None:
    told = files.claims.notes
    assert "`/content/drive/MyDrive/gatti_e_cani/train` was not there: the course's training photographs were read " \
           "instead (cell 1)" in told  # fmt: skip
    assert len(told) == len(set(told))
    assert len(told) < 40


def test_an_error_is_shown_where_the_submission_made_it(photographs: Input) -> None:
    execution = run({"": ("import os\nos.listdir('models')", "")}, photographs)
    error = execution.claims.cells[0].error
    assert error is not None
    assert error.name == "FileNotFoundError"
    assert "os.listdir('models')" in error.traceback
    assert "guest" not in error.traceback


def test_a_notebook_without_data_is_left_as_it_is() -> None:
    execution = run({"": ("import os\nprint(os.path.exists('train'), hasattr(os.stat, '__wrapped__'))", "")})
    assert said(execution.claims.cells[0]) == "False False"
