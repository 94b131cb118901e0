# %% [markdown]
# # Exercise 3: cats and dogs
#
# **Task.** Given a colour photograph, say whether it shows a cat (0) or a dog (1). There are 2,000
# training images and 1,000 test images, half of each kind.
#
# **Method.** A convolutional network inspired by **VGG** (Simonyan and Zisserman, 2014), trained
# from scratch. The aim is at least 80 % accuracy on images that were not used for training.
#
# This is much harder than MNIST. The animals sit anywhere in the picture, at any size and in any
# pose, in front of all sorts of backgrounds, and there are only 1,000 examples of each. The main
# enemy is therefore *overfitting*: the network could simply learn the 2,000 photographs by heart.

# %%
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers

# %% [markdown]
# ## 1. Load and look at the data
#
# The photographs have different shapes (the longest side is 180 pixels), but a batch needs images
# of one size, so all of them are loaded as 160 x 160 squares. They are kept as 8-bit integers,
# which takes a quarter of the memory of 32-bit floats.

# %%
SIZE = 160
CLASSES = ["cat", "dog"]  # the position in the list is the label


def load_images(folder):
    images, labels = [], []
    for label, name in enumerate(CLASSES):
        for path in sorted(Path(folder, name).glob("*.jpg")):
            image = keras.utils.load_img(path, target_size=(SIZE, SIZE), interpolation="bilinear")
            images.append(np.asarray(image, dtype="uint8"))
            labels.append(label)
    return np.stack(images), np.array(labels)


x_train, y_train = load_images("dataset/train")
x_test, y_test = load_images("dataset/test")
print("training images:", x_train.shape, "dogs:", y_train.sum())
print("test images:    ", x_test.shape, "dogs:", y_test.sum())

fig, axes = plt.subplots(2, 6, figsize=(12, 4.4))
for row, label in zip(axes, (0, 1)):
    for ax, image in zip(row, x_train[y_train == label]):
        ax.imshow(image)
        ax.set_title(CLASSES[label])
        ax.axis("off")
plt.show()

# %% [markdown]
# ## 2. Augmentation
#
# A cat seen in a mirror is still a cat, and so is a cat a little further left, a little closer or
# in flatter light. So in every epoch each training image is shown in a new random variation:
# flipped, shifted, zoomed, with another contrast. The network practically never sees the same
# image twice, which makes learning by heart very hard; it has to find what stays the same, and
# that is the animal. Where a shift uncovers an empty border, it is filled by reflecting the image
# (`fill_mode="reflect"`), because black borders do not occur in real photographs.
#
# More is not always better. Every zoom, rotation or shift computes new pixels by averaging old ones
# and so blurs the picture a little; with several in a row the network would train on blurred
# images and be tested on sharp ones. Therefore there is no rotation, and the shift uses
# `interpolation="nearest"`: it moves whole pixels, and the picture stays sharp.
#
# The variations are Keras layers. They are active during training only; for a prediction they pass
# the image on unchanged.

# %%
augmentation = [
    layers.RandomFlip("horizontal"),
    layers.RandomTranslation(0.1, 0.1, fill_mode="reflect", interpolation="nearest"),
    layers.RandomZoom((-0.35, 0.1), fill_mode="reflect"),
    layers.RandomContrast(0.2, value_range=(0, 1)),
]


def show_variations(image):
    fig, axes = plt.subplots(1, 7, figsize=(14, 2.4))
    axes[0].imshow(image)
    axes[0].set_title("original")
    for ax in axes[1:]:
        varied = image[None].astype("float32") / 255
        for layer in augmentation:
            varied = layer(varied, training=True)
        ax.imshow(np.clip(np.asarray(varied)[0], 0, 1))
    for ax in axes:
        ax.axis("off")
    plt.show()


show_variations(x_train[0])
show_variations(x_train[-1])

# %% [markdown]
# ## 3. The network
#
# The network takes over the main ideas of **VGG**:
#
# * only 3 x 3 convolutions. Two of them in a row see a 5 x 5 neighbourhood, with fewer weights than
#   one 5 x 5 convolution and one more non-linearity in between;
# * blocks of convolutions, each ended by a 2 x 2 max-pooling that halves the width and the height;
# * more filters from block to block: there are few kinds of edges and colours, but many
#   kinds of ears, eyes, noses and furs.
#
# The real VGG has over 100 million weights and was made for more than a million images. For 2,000
# images this version is much smaller, and it has some newer ingredients:
#
# * `Resizing` halves the images to 80 x 80: every new pixel is the average of four old ones. The
#   early layers work on the largest maps and cost most of the time, so this makes the training a
#   lot faster, and cats and dogs are still easy to tell apart at this size. `Rescaling` brings the
#   pixel values into the range from 0 to 1. Since both are layers, the network can be given
#   ordinary images without further preparation;
# * `BatchNormalization` after every convolution, which makes the training faster and more stable;
# * `GlobalAveragePooling2D` instead of `Flatten`: for every filter it keeps only how strongly the
#   pattern was found on average, no longer where. This saves many weights, and weights that do not
#   exist cannot overfit;
# * `Dropout` right before the last dense layer, so that the decision never hangs on a few features.
#
# The convolutions use neither padding nor strides, so each one makes the map two pixels smaller.
# The output is one unit with a **sigmoid**: the probability of a dog.


# %%
def convolution(filters):
    # the bias would be cancelled by the batch normalisation, so it is left out
    return [
        layers.Conv2D(filters, (3, 3), use_bias=False),
        layers.BatchNormalization(momentum=0.9),
        layers.Activation("relu"),
    ]


model = keras.Sequential(
    [
        keras.Input(shape=(SIZE, SIZE, 3)),
        layers.Resizing(80, 80),
        layers.Rescaling(1 / 255),
        *augmentation,
        # block 1
        *convolution(16),
        layers.MaxPooling2D((2, 2)),
        # block 2
        *convolution(32),
        *convolution(48),
        layers.MaxPooling2D((2, 2)),
        # block 3
        *convolution(96),
        *convolution(96),
        layers.MaxPooling2D((2, 2)),
        # block 4
        *convolution(192),
        *convolution(192),
        layers.MaxPooling2D((2, 2)),
        # classifier
        layers.GlobalAveragePooling2D(),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(1, activation="sigmoid"),
    ],
    name="small_vgg",
)
model.summary()


# %%
def plot_history(history):
    epochs = range(1, len(history.history["loss"]) + 1)
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4))
    left.plot(epochs, history.history["accuracy"], label="training")
    left.plot(epochs, history.history["val_accuracy"], label="test")
    left.set(title="Accuracy", xlabel="epoch", ylabel="accuracy")
    left.grid(alpha=0.3)
    left.legend()
    right.plot(epochs, history.history["loss"], label="training")
    right.plot(epochs, history.history["val_loss"], label="test")
    right.set(title="Loss", xlabel="epoch", ylabel="binary cross-entropy")
    right.grid(alpha=0.3)
    right.legend()
    plt.show()


# %% [markdown]
# ## 4. A first attempt: 5 epochs
#
# First the 5 epochs with batch size 128 that the exercise suggests.

# %%
model.compile(
    optimizer=keras.optimizers.Adam(0.001),
    loss="binary_crossentropy",
    metrics=["accuracy"],
)
first_history = model.fit(
    x_train,
    y_train,
    epochs=5,
    batch_size=128,
    validation_data=(x_test, y_test),
    verbose=2,
)
plot_history(first_history)

# %% [markdown]
# This is far from enough. 5 epochs of 16 batches are only 80 small steps, and the training accuracy
# itself is low: the network is *underfitting*, it simply needs more time. The test values may even
# stay near 50 %, because batch normalisation uses running averages for predictions, and after so
# few steps these lag behind.
#
# ## 5. The real training
#
# We go on with the same network. The batches are smaller (32), which gives four times as many steps
# per epoch, and there are 65 more epochs. Further choices:
#
# * The learning rate rises during the first three epochs (a warm-up, because a new optimizer knows
#   nothing about the gradients yet) and then falls along a cosine curve to zero. The large steps
#   find a good region, the small ones at the end settle in it.
# * **AdamW** is Adam with weight decay: all weights are pulled slightly towards zero, which favours
#   simple solutions.
# * **Label smoothing** replaces the targets 0 and 1 by 0.05 and 0.95. The network need not become
#   extremely sure of any training image, another measure against learning by heart.
#
# Everything is fixed in advance. The test images are watched, but they neither stop the training
# nor select the best epoch; otherwise the test accuracy would be too optimistic.

# %%
EPOCHS = 65
BATCH_SIZE = 32

steps_per_epoch = -(-len(x_train) // BATCH_SIZE)  # rounded up
warmup = 3 * steps_per_epoch
schedule = keras.optimizers.schedules.CosineDecay(
    initial_learning_rate=0.0001,
    warmup_target=0.001,
    warmup_steps=warmup,
    decay_steps=EPOCHS * steps_per_epoch - warmup,
)
model.compile(
    optimizer=keras.optimizers.AdamW(schedule, weight_decay=0.02),
    loss=keras.losses.BinaryCrossentropy(label_smoothing=0.1),
    metrics=["accuracy"],
)
history = model.fit(
    x_train,
    y_train,
    epochs=EPOCHS,
    batch_size=BATCH_SIZE,
    validation_data=(x_test, y_test),
    verbose=2,
)

# %% [markdown]
# ## 6. Learning curves

# %%
plot_history(history)

# %% [markdown]
# **How to read them.** In the first part the test curve jumps up and down: the learning rate is
# high and the weights change a lot from epoch to epoch. As the cosine schedule lowers the rate, the
# curve becomes calm and creeps upwards. In the last third the training accuracy keeps rising while
# the test accuracy hardly does: the gap between the two is the overfitting that is left in spite of
# augmentation, dropout, weight decay and label smoothing. (Label smoothing also means that the loss
# cannot reach zero: even perfect answers keep about 0.2.)

# %%
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"test loss {loss:.4f}, test accuracy {accuracy:.2%}")

# %% [markdown]
# Finally some test images with the network's answers. Wrong answers are marked in red.

# %%
chosen = np.linspace(0, len(x_test) - 1, 12).astype(int)
probabilities = model.predict(x_test[chosen], verbose=0)[:, 0]
fig, axes = plt.subplots(2, 6, figsize=(12, 4.6))
for ax, index, p in zip(axes.flat, chosen, probabilities):
    answer = int(p > 0.5)
    ax.imshow(x_test[index])
    ax.set_title(
        f"{CLASSES[answer]} ({max(p, 1 - p):.0%})",
        color="black" if answer == y_test[index] else "red",
    )
    ax.axis("off")
plt.show()
