"""VGG-16: only 3 x 3 convolutions, stacked in blocks, each block ended by a pooling that halves width and height.

Source: K. Simonyan and A. Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014,
configuration D.

    layer                                     shape              parameters
    input                                     224 x 224 x 3
    block1  2 convolutions of 64 filters      224 x 224 x 64          1,792 + 36,928
            max pooling 2 x 2                 112 x 112 x 64
    block2  2 convolutions of 128 filters     112 x 112 x 128         73,856 + 147,584
            max pooling 2 x 2                 56 x 56 x 128
    block3  3 convolutions of 256 filters     56 x 56 x 256           295,168 + 2 * 590,080
            max pooling 2 x 2                 28 x 28 x 256
    block4  3 convolutions of 512 filters     28 x 28 x 512           1,180,160 + 2 * 2,359,808
            max pooling 2 x 2                 14 x 14 x 512
    block5  3 convolutions of 512 filters     14 x 14 x 512           3 * 2,359,808
            max pooling 2 x 2                 7 x 7 x 512
            flatten                           25,088
    fc1     dense                             4,096             102,764,544
    fc2     dense                             4,096              16,781,312
            dense, softmax                    1,000               4,097,000
    sum                                                         138,357,544

Every convolution is 3 x 3, stride 1, padding "same", and all activations but the last are ReLU. Two 3 x 3 convolutions see
5 x 5 pixels with 18 weights for each pair of maps instead of 25; three see 7 x 7 with 27 instead of 49. 89 % of the
parameters are in the three dense layers, 74 % in fc1 alone. The dropout of 0.5 after fc1 and fc2, with which the paper
trained, has no parameters; `keras.applications.VGG16` leaves it out, and so does this, to be the same network layer by
layer.
"""

import keras
from keras import layers

TITLE = "VGG-16 (Simonyan and Zisserman, 2014)"
SMALLEST = 32  # pixels: 32 -> 16 -> 8 -> 4 -> 2 -> 1


def build() -> keras.Model:
    """VGG-16: (224, 224, 3) -> (1000,), 138,357,544 parameters."""
    blocks = [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)]
    model = keras.Sequential([keras.Input(shape=(224, 224, 3))], name="vgg16")
    for block, (convolutions, filters) in enumerate(blocks, start=1):
        for number in range(1, convolutions + 1):
            name = f"block{block}_conv{number}"
            model.add(layers.Conv2D(filters, (3, 3), padding="same", activation="relu", name=name))
        model.add(layers.MaxPooling2D((2, 2), name=f"block{block}_pool"))
    model.add(layers.Flatten(name="flatten"))
    model.add(layers.Dense(4096, activation="relu", name="fc1"))
    model.add(layers.Dense(4096, activation="relu", name="fc2"))
    model.add(layers.Dense(1000, activation="softmax", name="predictions"))
    return model


def build_small(image_size: int, channels: int = 3, units: int = 1) -> keras.Model:
    """VGG's plan for small photographs: (image_size, image_size, channels), pixels 0 to 255 -> (units,).

    Five blocks of 3 x 3 convolutions with more filters from block to block, each ended by a 2 x 2 max pooling: one, one,
    two, two and two convolutions as in the paper's configuration A. Newer than VGG: batch normalisation, and the average
    of each map instead of `Flatten`, which leaves the dense layer 128 values instead of 1,152 (at 96 pixels). Raises
    ValueError for images smaller than SMALLEST.
    """
    if image_size < SMALLEST:
        raise ValueError(
            f"the small VGG-16 needs images of at least {SMALLEST} x {SMALLEST} pixels; "
            f"asked for: {image_size} x {image_size}"
        )
    return keras.Sequential(
        [
            keras.Input(shape=(image_size, image_size, channels)),
            *preparation(),
            *convolution(16),
            layers.MaxPooling2D((2, 2)),
            *convolution(24),
            layers.MaxPooling2D((2, 2)),
            *convolution(48),
            *convolution(48),
            layers.MaxPooling2D((2, 2)),
            *convolution(96),
            *convolution(96),
            layers.MaxPooling2D((2, 2)),
            *convolution(128),
            *convolution(128),
            layers.MaxPooling2D((2, 2)),
            layers.GlobalAveragePooling2D(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(units, activation="sigmoid" if units == 1 else "softmax"),
        ],
        name="small_vgg16",
    )


def convolution(filters: int) -> list[keras.Layer]:
    """A 3 x 3 convolution without a bias, which the batch normalisation after it would cancel, and a ReLU."""
    return [
        layers.Conv2D(filters, (3, 3), padding="same", use_bias=False),
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
