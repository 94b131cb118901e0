"""`input_data.read_data_sets` of TensorFlow 1's tutorials: MNIST as flat pixels from 0 to 1, in batches on demand."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

TUTORIALS = ("tensorflow.examples", "tensorflow.examples.tutorials", "tensorflow.examples.tutorials.mnist",
           "tensorflow.examples.tutorials.mnist.input_data", "input_data")  # fmt: skip
VALIDATION = 5000  # of the training images, the first ones


class DataSet:
    """One split: images (n, 784) from 0 to 1, or (n, 28, 28, 1), and labels, whole numbers or one-hot."""

    def __init__(self, images: Any, labels: Any) -> None:
        self.images, self.labels = images, labels
        self.num_examples, self.epochs_completed = len(images), 0
        self._order: Any = range(len(images))
        self._at = 0

    def next_batch(self, batch_size: int, fake_data: bool = False, shuffle: bool = True) -> tuple[Any, Any]:
        """The next images and labels, in another order in each epoch."""
        import numpy

        if self._at == 0 and shuffle:
            self._order = numpy.random.permutation(self.num_examples)
        taken = numpy.asarray(self._order[self._at : self._at + batch_size])
        self._at += batch_size
        if self._at >= self.num_examples:
            self._at, self.epochs_completed = 0, self.epochs_completed + 1
        return self.images[taken], self.labels[taken]


def reader(arrays: Callable[[], Mapping[str, Any]]) -> Callable[..., Any]:
    """`read_data_sets` over MNIST as `arrays` gives it."""

    def read_data_sets(train_dir: Any = "", fake_data: bool = False, one_hot: bool = False, dtype: Any = None,
                       reshape: bool = True, validation_size: int = VALIDATION, **options: object) -> Any:  # fmt: skip
        """TensorFlow 1's: `train`, `validation` and `test`."""
        import numpy

        served = arrays()

        def part(split: str, rows: slice) -> DataSet:
            images = served[f"x_{split}"][rows].reshape(-1, 28, 28, 1).astype("float32") / numpy.float32(255)
            labels = served[f"y_{split}"][rows]
            return DataSet(
                images.reshape(-1, 784) if reshape else images,
                numpy.eye(10)[labels] if one_hot else labels,
            )

        return SimpleNamespace(
            train=part("train", slice(validation_size, None)),
            validation=part("train", slice(0, validation_size)),
            test=part("test", slice(None)),
        )

    return read_data_sets
