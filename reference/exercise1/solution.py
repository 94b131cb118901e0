# %% [markdown]
# # Exercise 1: handwritten digits with a multi-layer perceptron
#
# **Task.** Given a 28 x 28 grey-scale image of a handwritten digit, say which of the ten digits it
# shows. The data set is MNIST: 60,000 training images and 10,000 test images.
#
# **Method.** A multi-layer perceptron (MLP), which means fully connected (`Dense`) layers only and
# no convolutions. The aim is at least 98 % accuracy on the test images.

# %%
import keras
import matplotlib.pyplot as plt
from keras import layers

# %% [markdown]
# ## 1. Load and look at the data
#
# `load_data()` returns the images as 8-bit integers from 0 (background) to 255 (ink) and the
# labels as the digits 0 to 9.

# %%
(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
print("training images:", x_train.shape, x_train.dtype)
print("test images:    ", x_test.shape, x_test.dtype)

fig, axes = plt.subplots(1, 10, figsize=(12, 1.8))
for ax, image, label in zip(axes, x_train, y_train):
    ax.imshow(image, cmap="gray_r")
    ax.set_title(str(label))
    ax.axis("off")
plt.show()

# %% [markdown]
# ## 2. Prepare the data
#
# **Why flatten?** A `Dense` layer takes a plain vector: every neuron is connected to every input
# number. So each 28 x 28 image becomes a row of 784 numbers. The network is no longer told which
# pixels are neighbours and has to work that out from the data. (A convolutional network, in
# exercise 2, keeps this information.)
#
# **Why divide by 255?** Inputs between 0 and 1 keep the first weighted sums at a sensible size,
# which suits the default weight initialisation and the usual learning rates.
#
# The labels stay integers; the matching loss is `sparse_categorical_crossentropy`, so one-hot
# encoding is not needed.

# %%
x_train = x_train.reshape(-1, 784).astype("float32") / 255
x_test = x_test.reshape(-1, 784).astype("float32") / 255
y_train = y_train.astype("int64")
y_test = y_test.astype("int64")

# %% [markdown]
# ## 3. The network
#
# **Why do the layers get narrower?** 784 pixel values must end up as 10 probabilities. The first
# hidden layer is wide, so that it can pick up many different stroke patterns; each later layer has
# fewer units and has to summarise what the one before it found (512 -> 256 -> 128 -> 10). The
# narrowing also puts most of the weights where the raw information comes in.
#
# **ReLU** is cheap and its gradient does not vanish for active units. **BatchNormalization** keeps
# the activations of every layer on a similar scale, so we can train quickly with a fairly large
# learning rate. **Dropout** switches off a random part of the units in every training step. With
# well over half a million weights the network could otherwise memorise the training images;
# dropout forces it not to rely on any single unit.
#
# The output layer has 10 units with **softmax**: ten positive numbers that sum to 1, one
# probability per digit.

# %%
model = keras.Sequential(
    [
        keras.Input(shape=(784,)),
        layers.Dense(512),
        layers.BatchNormalization(),
        layers.Activation("relu"),
        layers.Dropout(0.3),
        layers.Dense(256),
        layers.BatchNormalization(),
        layers.Activation("relu"),
        layers.Dropout(0.3),
        layers.Dense(128),
        layers.BatchNormalization(),
        layers.Activation("relu"),
        layers.Dropout(0.2),
        layers.Dense(10, activation="softmax"),
    ],
    name="mlp",
)
model.summary()

# %% [markdown]
# ## 4. Training
#
# 10 epochs with a batch size of 128, as suggested. The optimizer is Adam. Its learning rate follows a *cosine* curve from 0.002 down to 0 over
# the whole training: large steps at first to get going, small steps at the end so that the weights
# settle down instead of jumping around a minimum. The schedule is fixed in advance. The test images
# are passed as `validation_data` only so that we can watch them; no decision depends on them.

# %%
EPOCHS = 10
BATCH_SIZE = 128

steps = EPOCHS * -(-len(x_train) // BATCH_SIZE)  # batches per epoch, rounded up
model.compile(
    optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.002, steps)),
    loss="sparse_categorical_crossentropy",
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
# ## 5. Learning curves

# %%
epochs = range(1, len(history.history["loss"]) + 1)
fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4))
left.plot(epochs, history.history["accuracy"], "o-", label="training")
left.plot(epochs, history.history["val_accuracy"], "s-", label="test")
left.set(title="Accuracy", xlabel="epoch", ylabel="accuracy")
left.grid(alpha=0.3)
left.legend()
right.plot(epochs, history.history["loss"], "o-", label="training")
right.plot(epochs, history.history["val_loss"], "s-", label="test")
right.set(title="Loss", xlabel="epoch", ylabel="cross-entropy")
right.grid(alpha=0.3)
right.legend()
plt.show()

# %% [markdown]
# **How to read them.** At the beginning the *test* curve lies above the training curve in accuracy.
# This is no mistake: the training values are measured with dropout switched on and averaged over
# the epoch, while the weights are still improving; the test values are measured at the end of the
# epoch with the complete network. Later the training curve overtakes, while the test
# curve flattens out: by then the network is starting to fit details of the training images
# that do not carry over to new ones. As the learning rate goes to zero, the curves settle.

# %%
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"test loss {loss:.4f}, test accuracy {accuracy:.2%}")
