"""ResNet-50: blocks of three convolutions around which a skip carries their input, to be added to their output.

Source: K. He, X. Zhang, S. Ren and J. Sun, "Deep residual learning for image recognition", 2015, Table 1.

    stage                                      shape              parameters
    input                                      224 x 224 x 3
    conv1    64 filters 7 x 7, stride 2        112 x 112 x 64          9,728
    pool1    max 3 x 3, stride 2               56 x 56 x 64
    conv2_x  3 blocks of (64, 64, 256)         56 x 56 x 256         220,032
    conv3_x  4 blocks of (128, 128, 512)       28 x 28 x 512       1,230,336
    conv4_x  6 blocks of (256, 256, 1024)      14 x 14 x 1024      7,129,088
    conv5_x  3 blocks of (512, 512, 2048)      7 x 7 x 2048       14,998,528
             average                           2,048
             dense, softmax                    1,000               2,049,000
    sum                                                           25,636,712

A block of (f, f, 4f) is a bottleneck: a 1 x 1 convolution to f maps, a 3 x 3 on these, a 1 x 1 back to 4f. Each is
followed by batch normalisation and, the last only after the addition, ReLU. The first block of each stage changes the
number of maps (and, but for conv2_x, halves the size with a stride of 2 in its first 1 x 1), so its skip is no identity:
a 1 x 1 convolution projects it. Its four convolutions in detail, for the first block of conv2_x at 56 x 56:

    skip  64 -> 256  16,640 + 1,024     1 x 1  64 -> 64  4,160 + 256     3 x 3  64 -> 64  36,928 + 256
                                        1 x 1  64 -> 256  16,640 + 1,024                                sum 76,928

This is version 1 as in `keras.applications.ResNet50`, layer by layer: its convolutions have biases, although the batch
normalisation after them cancels these. The count includes the 53,120 moving averages and variances of the batch
normalisation, which are not trained: 25,583,592 parameters are.
"""

from typing import Any

import keras
from keras import layers

TITLE = "ResNet-50 (He, Zhang, Ren and Sun, 2015)"
SMALLEST = 11  # pixels: 11 -> 3 -> 1 in the stem, whose convolution and pooling have no padding
EPSILON = 1.001e-5  # of the batch normalisation, as in keras.applications


def build() -> keras.Model:
    """ResNet-50: (224, 224, 3) -> (1000,), 25,636,712 parameters."""
    image = keras.Input(shape=(224, 224, 3))
    x = layers.ZeroPadding2D(3, name="conv1_pad")(image)
    x = layers.Conv2D(64, (7, 7), strides=2, name="conv1_conv")(x)
    x = layers.BatchNormalization(epsilon=EPSILON, name="conv1_bn")(x)
    x = layers.Activation("relu", name="conv1_relu")(x)
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D((3, 3), strides=2, name="pool1_pool")(x)
    x = stage(x, "conv2", blocks=3, filters=64, strides=1)
    x = stage(x, "conv3", blocks=4, filters=128, strides=2)
    x = stage(x, "conv4", blocks=6, filters=256, strides=2)
    x = stage(x, "conv5", blocks=3, filters=512, strides=2)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    classes = layers.Dense(1000, activation="softmax", name="predictions")(x)
    return keras.Model(image, classes, name="resnet50")


def stage(x: Any, name: str, *, blocks: int, filters: int, strides: int) -> Any:
    """Several blocks at one size: the first projects its skip, the others add their input as it is."""
    x = bottleneck(x, f"{name}_block1", filters=filters, strides=strides, project=True)
    for number in range(2, blocks + 1):
        x = bottleneck(x, f"{name}_block{number}", filters=filters)
    return x


def bottleneck(x: Any, name: str, *, filters: int, strides: int = 1, project: bool = False) -> Any:
    """1 x 1 to `filters` maps, 3 x 3, 1 x 1 to four times as many, added to the skip."""
    skip = x
    if project:
        skip = layers.Conv2D(4 * filters, (1, 1), strides=strides, name=f"{name}_0_conv")(x)
        skip = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_0_bn")(skip)
    x = layers.Conv2D(filters, (1, 1), strides=strides, name=f"{name}_1_conv")(x)
    x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_1_bn")(x)
    x = layers.Activation("relu", name=f"{name}_1_relu")(x)
    x = layers.Conv2D(filters, (3, 3), padding="same", name=f"{name}_2_conv")(x)
    x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_2_bn")(x)
    x = layers.Activation("relu", name=f"{name}_2_relu")(x)
    x = layers.Conv2D(4 * filters, (1, 1), name=f"{name}_3_conv")(x)
    x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_3_bn")(x)
    x = layers.Add(name=f"{name}_add")([skip, x])
    return layers.Activation("relu", name=f"{name}_out")(x)


def build_small(image_size: int, channels: int = 3, units: int = 1) -> keras.Model:
    """ResNet's plan for small photographs: (image_size, image_size, channels), pixels 0 to 255 -> (units,).

    The same stem, then three stages of two blocks with 32, 64 and 128 maps, then the average of each map. The blocks are
    those of the paper's shallower networks: two 3 x 3 convolutions, without a bottleneck, which pays only where there are
    hundreds of maps. Dropout before the output is added. Raises ValueError for images smaller than SMALLEST.
    """
    if image_size < SMALLEST:
        raise ValueError(
            f"the small ResNet-50 needs images of at least {SMALLEST} x {SMALLEST} pixels; "
            f"asked for: {image_size} x {image_size}"
        )
    image = x = keras.Input(shape=(image_size, image_size, channels))
    for layer in preparation():
        x = layer(x)
    x = convolution(x, 32, 7, strides=2, padding="valid")
    x = layers.Activation("relu")(x)
    x = layers.MaxPooling2D((3, 3), strides=2)(x)
    for filters, strides in ((32, 1), (64, 2), (128, 2)):
        x = small_block(x, filters, strides=strides, project=strides > 1)
        x = small_block(x, filters)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.4)(x)
    output = layers.Dense(units, activation="sigmoid" if units == 1 else "softmax")(x)
    return keras.Model(image, output, name="small_resnet50")


def small_block(x: Any, filters: int, *, strides: int = 1, project: bool = False) -> Any:
    """Two 3 x 3 convolutions, added to the skip."""
    skip = convolution(x, filters, 1, strides=strides) if project else x
    x = convolution(x, filters, 3, strides=strides)
    x = layers.Activation("relu")(x)
    x = convolution(x, filters, 3)
    x = layers.Add()([skip, x])
    return layers.Activation("relu")(x)


def convolution(x: Any, filters: int, kernel: int, *, strides: int = 1, padding: str = "same") -> Any:
    """A convolution without a bias, which the batch normalisation after it would cancel."""
    x = layers.Conv2D(filters, (kernel, kernel), strides=strides, padding=padding, use_bias=False)(x)
    return layers.BatchNormalization(momentum=0.9)(x)


def preparation() -> list[keras.Layer]:
    """What stands before the small network: random variations, in training only, and pixels 0..255 as -1..1."""
    return [
        layers.RandomFlip("horizontal"),
        layers.RandomTranslation(0.1, 0.1, fill_mode="reflect", interpolation="nearest"),
        layers.RandomZoom((-0.3, 0.1), fill_mode="reflect"),
        layers.Rescaling(1 / 127.5, offset=-1.0),
    ]
