"""AlexNet without groups: the network that won the ImageNet challenge of 2012.

Source: A. Krizhevsky, I. Sutskever and G. E. Hinton, "ImageNet classification with deep convolutional neural networks",
2012.

    layer                                    shape              parameters
    input                                    227 x 227 x 3
    conv1   96 filters 11 x 11, stride 4     55 x 55 x 96           34,944
    pool1   max 3 x 3, stride 2              27 x 27 x 96
    conv2   256 filters 5 x 5, same          27 x 27 x 256         614,656
    pool2   max 3 x 3, stride 2              13 x 13 x 256
    conv3   384 filters 3 x 3, same          13 x 13 x 384         885,120
    conv4   384 filters 3 x 3, same          13 x 13 x 384       1,327,488
    conv5   256 filters 3 x 3, same          13 x 13 x 256         884,992
    pool5   max 3 x 3, stride 2              6 x 6 x 256
            flatten                          9,216
    fc6     dense, then dropout 0.5          4,096              37,752,832
    fc7     dense, then dropout 0.5          4,096              16,781,312
    fc8     dense, softmax                   1,000               4,097,000
    sum                                                         62,378,344

All activations but the last are ReLU. The poolings overlap: their window of 3 is wider than their stride of 2.

Three differences from the paper. It names an input of 224 x 224, from which no whole number of strides reaches 55 x 55:
(227 - 11)/4 + 1 = 55. Its conv2, conv4 and conv5 were split over two graphics cards and read half of the maps each,
which halves their weights, to 60,965,224 parameters in all (the paper says 60 million); here they read all of them. And
its local response normalisation after conv1 and conv2, which has no parameters, is left out: Keras has no such layer,
and the VGG paper found that it does not help.
"""

import keras
from keras import layers

TITLE = "AlexNet (Krizhevsky, Sutskever and Hinton, 2012)"
SMALLEST = 35  # pixels: 35 -> 15 -> 7 -> 3 -> 1


def build() -> keras.Model:
    """AlexNet: (227, 227, 3) -> (1000,), 62,378,344 parameters."""
    return keras.Sequential(
        [
            keras.Input(shape=(227, 227, 3)),
            layers.Conv2D(96, (11, 11), strides=4, activation="relu", name="conv1"),
            layers.MaxPooling2D((3, 3), strides=2, name="pool1"),
            layers.Conv2D(256, (5, 5), padding="same", activation="relu", name="conv2"),
            layers.MaxPooling2D((3, 3), strides=2, name="pool2"),
            layers.Conv2D(384, (3, 3), padding="same", activation="relu", name="conv3"),
            layers.Conv2D(384, (3, 3), padding="same", activation="relu", name="conv4"),
            layers.Conv2D(256, (3, 3), padding="same", activation="relu", name="conv5"),
            layers.MaxPooling2D((3, 3), strides=2, name="pool5"),
            layers.Flatten(name="flatten"),
            layers.Dense(4096, activation="relu", name="fc6"),
            layers.Dropout(0.5, name="drop6"),
            layers.Dense(4096, activation="relu", name="fc7"),
            layers.Dropout(0.5, name="drop7"),
            layers.Dense(1000, activation="softmax", name="fc8"),
        ],
        name="alexnet",
    )


def build_small(image_size: int, channels: int = 3, units: int = 1) -> keras.Model:
    """AlexNet's plan for small photographs: (image_size, image_size, channels), pixels 0 to 255 -> (units,).

    A large first kernel with a stride, overlapping poolings, a 5 x 5 and three 3 x 3 convolutions, and two dense layers
    with dropout. The first kernel is 7 x 7 with stride 2, because 11 x 11 with stride 4 would leave too little of a
    small image, and batch normalisation takes the place of local response normalisation, after every convolution.
    Raises ValueError for images smaller than SMALLEST.
    """
    if image_size < SMALLEST:
        raise ValueError(
            f"the small AlexNet needs images of at least {SMALLEST} x {SMALLEST} pixels; "
            f"asked for: {image_size} x {image_size}"
        )
    return keras.Sequential(
        [
            keras.Input(shape=(image_size, image_size, channels)),
            *preparation(),
            *convolution(32, 7, strides=2, padding="valid"),
            layers.MaxPooling2D((3, 3), strides=2),
            *convolution(64, 5),
            layers.MaxPooling2D((3, 3), strides=2),
            *convolution(96, 3),
            *convolution(96, 3),
            *convolution(64, 3),
            layers.MaxPooling2D((3, 3), strides=2),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(256, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(units, activation="sigmoid" if units == 1 else "softmax"),
        ],
        name="small_alexnet",
    )


def convolution(filters: int, kernel: int, *, strides: int = 1, padding: str = "same") -> list[keras.Layer]:
    """A convolution without a bias, which the batch normalisation after it would cancel, and a ReLU."""
    return [
        layers.Conv2D(filters, (kernel, kernel), strides=strides, padding=padding, use_bias=False),
        layers.BatchNormalization(momentum=0.9),
        layers.Activation("relu"),
    ]


def preparation() -> list[keras.Layer]:
    """What stands before the small network: random variations, in training only, and pixels 0..255 as -1..1."""
    return [
        layers.RandomFlip("horizontal"),
        layers.RandomTranslation(0.1, 0.1, fill_mode="reflect", interpolation="nearest"),
        layers.RandomZoom((-0.3, 0.1), fill_mode="reflect"),
        layers.Rescaling(1 / 127.5, offset=-1.0),
    ]
