"""LeNet-5, twice, because the lecture's table and the lecture's Keras code are two different networks.

Source: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document recognition", 1998.

    layer                        table: build_table()             code: build_code()
                                 shape         parameters         shape         parameters
    input                        32 x 32 x 1                      28 x 28 x 1
    C1  6 filters 5 x 5, tanh    28 x 28 x 6          156         28 x 28 x 6          156   code: padding "same"
    S2  average pooling 2 x 2    14 x 14 x 6                      27 x 27 x 6                code: stride 1
    C3  16 filters 5 x 5, tanh   10 x 10 x 16       2,416         23 x 23 x 16       2,416
    S4  average pooling 2 x 2    5 x 5 x 16                       11 x 11 x 16               stride 2 in both
    C5  120 filters 5 x 5, tanh  1 x 1 x 120       48,120         7 x 7 x 120       48,120
        flatten                  120                              5,880
    F6  dense, tanh              84                10,164         84               494,004
        dense, softmax           10                   850         10                   850
    sum                                            61,706                          545,546

The padding alone would change nothing: 28 x 28 with padding "same" gives C1 the same 28 x 28 map as 32 x 32 without it.
What tells the two apart is the stride of S2. Stride 1 takes one pixel off the map instead of halving it, so C5 sees
11 x 11 and not 5 x 5, and gives 7 x 7 = 49 positions instead of 1. A convolution has the same weights at every position,
so up to C5 both networks have equally many parameters; F6 is dense and needs 49 times as many weights (49 * 120 * 84 =
493,920 instead of 10,080). 91 % of the second network are in that one layer, and it has 8.8 times as many parameters.

The paper says 60,000 parameters. There C3 reads only 60 of the 96 pairs of maps (1,516 parameters), S2 and S4 have a
coefficient and a bias for each map (12 and 32), and the outputs are distances to fixed patterns instead of a trained
dense layer: 156 + 12 + 1,516 + 32 + 48,120 + 10,164 = 60,000.
"""

import keras
from keras import layers

TITLE = "LeNet-5 (LeCun, Bottou, Bengio and Haffner, 1998)"
SMALLEST = 36  # pixels: 36 -> 32 -> 16 -> 12 -> 6 -> 2 -> 1


def build_table() -> keras.Model:
    """LeNet-5 as in the lecture's table: (32, 32, 1) -> (10,), 61,706 parameters."""
    return keras.Sequential(
        [
            keras.Input(shape=(32, 32, 1)),
            layers.Conv2D(6, (5, 5), activation="tanh", name="C1"),
            layers.AveragePooling2D((2, 2), strides=2, name="S2"),
            layers.Conv2D(16, (5, 5), activation="tanh", name="C3"),
            layers.AveragePooling2D((2, 2), strides=2, name="S4"),
            layers.Conv2D(120, (5, 5), activation="tanh", name="C5"),
            layers.Flatten(name="flatten"),
            layers.Dense(84, activation="tanh", name="F6"),
            layers.Dense(10, activation="softmax", name="output"),
        ],
        name="lenet5_table",
    )


def build_code() -> keras.Model:
    """LeNet-5 as in the lecture's Keras code: (28, 28, 1) -> (10,), 545,546 parameters."""
    return keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            layers.Conv2D(6, (5, 5), strides=1, activation="tanh", padding="same", name="C1"),
            layers.AveragePooling2D((2, 2), strides=1, padding="valid", name="S2"),
            layers.Conv2D(16, (5, 5), strides=1, activation="tanh", padding="valid", name="C3"),
            layers.AveragePooling2D((2, 2), strides=2, padding="valid", name="S4"),
            layers.Conv2D(120, (5, 5), strides=1, activation="tanh", padding="valid", name="C5"),
            layers.Flatten(name="flatten"),
            layers.Dense(84, activation="tanh", name="F6"),
            layers.Dense(10, activation="softmax", name="output"),
        ],
        name="lenet5_code",
    )


def build_small(image_size: int, channels: int = 3, units: int = 1) -> keras.Model:
    """LeNet-5's plan for photographs: (image_size, image_size, channels), pixels 0 to 255 -> (units,).

    Pairs of a 5 x 5 convolution and a 2 x 2 average pooling, then dense layers of 120 and 84. A photograph is larger than
    a digit, so there are three pairs with more filters. ReLU takes the place of tanh, which saturates and learns slowly,
    and dropout stands between the dense layers. Raises ValueError for images smaller than SMALLEST.
    """
    if image_size < SMALLEST:
        raise ValueError(
            f"the small LeNet-5 needs images of at least {SMALLEST} x {SMALLEST} pixels; "
            f"asked for: {image_size} x {image_size}"
        )
    return keras.Sequential(
        [
            keras.Input(shape=(image_size, image_size, channels)),
            *preparation(),
            layers.Conv2D(12, (5, 5), activation="relu"),
            layers.AveragePooling2D((2, 2)),
            layers.Conv2D(32, (5, 5), activation="relu"),
            layers.AveragePooling2D((2, 2)),
            layers.Conv2D(64, (5, 5), activation="relu"),
            layers.AveragePooling2D((2, 2)),
            layers.Flatten(),
            layers.Dense(120, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(84, activation="relu"),
            layers.Dense(units, activation="sigmoid" if units == 1 else "softmax"),
        ],
        name="small_lenet5",
    )


def preparation() -> list[keras.Layer]:
    """What stands before the small network: random variations, in training only, and pixels 0..255 as -1..1."""
    return [
        layers.RandomFlip("horizontal"),
        layers.RandomTranslation(0.1, 0.1, fill_mode="reflect", interpolation="nearest"),
        layers.RandomZoom((-0.3, 0.1), fill_mode="reflect"),
        layers.Rescaling(1 / 127.5, offset=-1.0),
    ]
