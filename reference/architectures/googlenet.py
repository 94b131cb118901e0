"""GoogLeNet (Inception v1): modules of four parallel branches, whose maps are concatenated.

Source: C. Szegedy and others, "Going deeper with convolutions", 2014, Table 1.

    layer                          shape              1x1  3x3 red.  3x3  5x5 red.  5x5  pool   parameters
    input                          224 x 224 x 3
    conv1   7 x 7, stride 2        112 x 112 x 64                                                    9,472
    pool1   max 3 x 3, stride 2    56 x 56 x 64
    conv2   1 x 1, then 3 x 3      56 x 56 x 192             64    192                             114,944
    pool2   max 3 x 3, stride 2    28 x 28 x 192
    3a      inception              28 x 28 x 256       64    96    128     16     32    32         163,696
    3b      inception              28 x 28 x 480      128   128    192     32     96    64         388,736
    pool3   max 3 x 3, stride 2    14 x 14 x 480
    4a      inception              14 x 14 x 512      192    96    208     16     48    64         376,176
    4b      inception              14 x 14 x 512      160   112    224     24     64    64         449,160
    4c      inception              14 x 14 x 512      128   128    256     24     64    64         510,104
    4d      inception              14 x 14 x 528      112   144    288     32     64    64         605,376
    4e      inception              14 x 14 x 832      256   160    320     32    128   128         868,352
    pool4   max 3 x 3, stride 2    7 x 7 x 832
    5a      inception              7 x 7 x 832        256   160    320     32    128   128       1,043,456
    5b      inception              7 x 7 x 1024       384   192    384     48    128   128       1,444,080
    pool5   average                1,024
            dropout 0.4            1,024
    linear  dense, softmax         1,000                                                         1,025,000
    sum                                                                                          6,998,552

A module's branches: a 1 x 1 convolution; a 1 x 1 that reduces the maps ("3x3 red.") before a 3 x 3; the same before a
5 x 5; and a 3 x 3 max pooling of stride 1 before a 1 x 1 ("pool"). All of them, and the poolings between modules, have
padding "same"; all activations but the last are ReLU.

The paper's column "params" counts weights without biases, in units of 1,024, and is not what its own rows add up to:

    row       conv1  conv2     3a     3b     4a     4b     4c     4d     4e       5a       5b  linear
    paper       2.7    112    159    380    364    437    463    580    840    1,072    1,388   1,000
    weights    9.19    112  159.5    379  366.8    438  497.5  590.5    847    1,018    1,409   1,000

conv2 and linear are exact; 3a, 3b and 4b differ by at most one unit; 4a, 4d, 4e and 5b are printed 0.7 to 1.8 % too low,
4c 6.9 % too low, and 5a 5.3 % too high. Its column "ops" is weights times positions, and agrees with the rows for every
module except 5a (54 million printed, 51 by the row): so it is the parameters that were printed wrong, while 5a seems to
have been another module when both of its numbers were taken. The 2.7 K of conv1 fit no plain 7 x 7 convolution of 3
channels and 64 filters, which has 9,408 weights. They fit a separable one with 8 filters for each channel, which has
7 * 7 * 3 * 8 + 24 * 64 = 2,712 (2.7 thousand, for once), and so do the 34 million operations of that row: 2,712 * 112 *
112. The published implementations have the plain one, and so has this.

Left out: the two auxiliary classifiers behind 4a and 4d (average pooling 5 x 5 with stride 3, 128 filters 1 x 1, dense
1,024, dropout 0.7, dense 1,000; 3,188,840 and 3,190,888 parameters), which helped training and are thrown away
afterwards; and local response normalisation around conv2, which has no parameters and no layer in Keras.
"""

from typing import Any, NamedTuple

import keras
from keras import layers

TITLE = "GoogLeNet, Inception v1 (Szegedy and others, 2014)"
SMALLEST = 35  # pixels: 35 -> 15 -> 7 -> 3 -> 1


class Filters(NamedTuple):
    """How many filters each convolution of a module has, in the order of the paper's table."""

    one: int
    three_reduce: int
    three: int
    five_reduce: int
    five: int
    pool: int


def build() -> keras.Model:
    """GoogLeNet without its auxiliary classifiers: (224, 224, 3) -> (1000,), 6,998,552 parameters."""
    image = keras.Input(shape=(224, 224, 3))
    x = layers.Conv2D(64, (7, 7), strides=2, padding="same", activation="relu", name="conv1")(image)
    x = halving(x, "pool1")
    x = layers.Conv2D(64, (1, 1), activation="relu", name="conv2_reduce")(x)
    x = layers.Conv2D(192, (3, 3), padding="same", activation="relu", name="conv2")(x)
    x = halving(x, "pool2")
    x = inception(x, "3a", Filters(64, 96, 128, 16, 32, 32))
    x = inception(x, "3b", Filters(128, 128, 192, 32, 96, 64))
    x = halving(x, "pool3")
    x = inception(x, "4a", Filters(192, 96, 208, 16, 48, 64))
    x = inception(x, "4b", Filters(160, 112, 224, 24, 64, 64))
    x = inception(x, "4c", Filters(128, 128, 256, 24, 64, 64))
    x = inception(x, "4d", Filters(112, 144, 288, 32, 64, 64))
    x = inception(x, "4e", Filters(256, 160, 320, 32, 128, 128))
    x = halving(x, "pool4")
    x = inception(x, "5a", Filters(256, 160, 320, 32, 128, 128))
    x = inception(x, "5b", Filters(384, 192, 384, 48, 128, 128))
    x = layers.GlobalAveragePooling2D(name="pool5")(x)
    x = layers.Dropout(0.4, name="dropout")(x)
    classes = layers.Dense(1000, activation="softmax", name="linear")(x)
    return keras.Model(image, classes, name="googlenet")


def halving(x: Any, name: str) -> Any:
    """A 3 x 3 max pooling of stride 2, which halves width and height."""
    return layers.MaxPooling2D((3, 3), strides=2, padding="same", name=name)(x)


def inception(x: Any, name: str, filters: Filters) -> Any:
    """One module: four branches over the same maps, concatenated along the channels."""
    one = layers.Conv2D(filters.one, (1, 1), activation="relu", name=f"{name}_1x1")(x)
    three = layers.Conv2D(filters.three_reduce, (1, 1), activation="relu", name=f"{name}_3x3_reduce")(x)
    three = layers.Conv2D(filters.three, (3, 3), padding="same", activation="relu", name=f"{name}_3x3")(three)
    five = layers.Conv2D(filters.five_reduce, (1, 1), activation="relu", name=f"{name}_5x5_reduce")(x)
    five = layers.Conv2D(filters.five, (5, 5), padding="same", activation="relu", name=f"{name}_5x5")(five)
    pool = layers.MaxPooling2D((3, 3), strides=1, padding="same", name=f"{name}_pool")(x)
    pool = layers.Conv2D(filters.pool, (1, 1), activation="relu", name=f"{name}_pool_1x1")(pool)
    return layers.Concatenate(name=f"{name}_output")([one, three, five, pool])


def build_small(image_size: int, channels: int = 3, units: int = 1) -> keras.Model:
    """GoogLeNet's plan for small photographs: (image_size, image_size, channels), pixels 0 to 255 -> (units,).

    A stem that makes the maps small, then four Inception modules with far fewer filters, then the average of each map
    and dropout. One pooling fewer stands before the first module, poolings between modules have no padding,
    and there is batch normalisation, as in Inception v2. Raises ValueError for images smaller than SMALLEST.
    """
    if image_size < SMALLEST:
        raise ValueError(
            f"the small GoogLeNet needs images of at least {SMALLEST} x {SMALLEST} pixels; "
            f"asked for: {image_size} x {image_size}"
        )
    image = x = keras.Input(shape=(image_size, image_size, channels))
    for layer in preparation():
        x = layer(x)
    x = convolution(x, 32, 7, strides=2, padding="valid")
    x = layers.MaxPooling2D((3, 3), strides=2)(x)
    x = convolution(x, 24, 1)
    x = convolution(x, 48, 3)
    x = small_inception(x, Filters(24, 24, 40, 6, 12, 12))
    x = layers.MaxPooling2D((3, 3), strides=2)(x)
    x = small_inception(x, Filters(48, 32, 72, 8, 24, 24))
    x = small_inception(x, Filters(48, 48, 96, 8, 24, 24))
    x = layers.MaxPooling2D((3, 3), strides=2)(x)
    x = small_inception(x, Filters(96, 64, 128, 12, 32, 32))
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.4)(x)
    output = layers.Dense(units, activation="sigmoid" if units == 1 else "softmax")(x)
    return keras.Model(image, output, name="small_googlenet")


def small_inception(x: Any, filters: Filters) -> Any:
    """One module of the small network: the same four branches, with batch normalisation."""
    one = convolution(x, filters.one, 1)
    three = convolution(convolution(x, filters.three_reduce, 1), filters.three, 3)
    five = convolution(convolution(x, filters.five_reduce, 1), filters.five, 5)
    pool = convolution(layers.MaxPooling2D((3, 3), strides=1, padding="same")(x), filters.pool, 1)
    return layers.Concatenate()([one, three, five, pool])


def convolution(x: Any, filters: int, kernel: int, *, strides: int = 1, padding: str = "same") -> Any:
    """A convolution without a bias, which the batch normalisation after it would cancel, and a ReLU."""
    x = layers.Conv2D(filters, (kernel, kernel), strides=strides, padding=padding, use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.Activation("relu")(x)


def preparation() -> list[keras.Layer]:
    """What stands before the small network: random variations, in training only, and pixels 0..255 as -1..1."""
    return [
        layers.RandomFlip("horizontal"),
        layers.RandomTranslation(0.1, 0.1, fill_mode="reflect", interpolation="nearest"),
        layers.RandomZoom((-0.3, 0.1), fill_mode="reflect"),
        layers.Rescaling(1 / 127.5, offset=-1.0),
    ]
