# %% [markdown]
# # Exercise 2: handwritten digits with a convolutional network
#
# **Task.** The same as in exercise 1: recognise the digits of MNIST (60,000 training images and
# 10,000 test images).
#
# **Method.** A convolutional neural network (CNN). It should be clearly better than the multi-layer
# perceptron: the aim is at least 99 % accuracy on the test images.

# %%
import keras
import matplotlib.pyplot as plt
from keras import layers

# %% [markdown]
# ## 1. Load and prepare the data
#
# This time the images are **not** flattened. A convolution looks at small neighbourhoods, so the
# network needs the two-dimensional picture. `Conv2D` expects the shape (height, width, channels);
# grey-scale images have one channel, therefore the input shape is (28, 28, 1). As before, the pixel
# values are divided by 255 to lie between 0 and 1.

# %%
(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()

x_train = x_train.reshape(-1, 28, 28, 1).astype("float32") / 255
x_test = x_test.reshape(-1, 28, 28, 1).astype("float32") / 255
y_train = y_train.astype("int64")
y_test = y_test.astype("int64")
print("training images:", x_train.shape)
print("test images:    ", x_test.shape)

fig, axes = plt.subplots(1, 10, figsize=(12, 1.8))
for ax, image, label in zip(axes, x_train, y_train):
    ax.imshow(image[..., 0], cmap="gray_r")
    ax.set_title(str(label))
    ax.axis("off")
plt.show()

# %% [markdown]
# ## 2. The network
#
# **Why convolutions?** A filter of 3 x 3 weights slides over the image and answers strongly wherever
# it finds its pattern. The same few weights are used at every position, so a stroke is recognised
# wherever it is drawn, and the layer needs far fewer weights than a dense one.
#
# **Why few filters first and more later?** Near the input there are only simple things to find:
# edges and short strokes in a few directions. Deeper layers combine them into corners, arcs and
# loops, and there are many more possible combinations than simple parts. Since the maps get
# smaller on the way, the additional filters stay affordable.
#
# **Why pooling?** `MaxPooling2D` keeps the strongest answer of every 2 x 2 square. The maps get half
# as wide and high, the following filters see a larger part of the image, and a small shift of
# the digit changes little.
#
# Every convolution is followed by `BatchNormalization`, which keeps the activations on a common
# scale and speeds up the training, and by ReLU. At the end the maps are flattened and classified
# by a small dense part. Dropout sits there because most of the weights do, and with them most of
# the danger of memorising. The output is again a softmax over the ten digits.

# %%
model = keras.Sequential(
    [
        keras.Input(shape=(28, 28, 1)),
        # block 1: 28 x 28 -> 26 x 26 -> 13 x 13
        layers.Conv2D(24, (3, 3)),
        layers.BatchNormalization(momentum=0.9),
        layers.Activation("relu"),
        layers.MaxPooling2D((2, 2)),
        # block 2: 13 x 13 -> 11 x 11 -> 9 x 9 -> 4 x 4
        layers.Conv2D(48, (3, 3)),
        layers.BatchNormalization(momentum=0.9),
        layers.Activation("relu"),
        layers.Conv2D(64, (3, 3)),
        layers.BatchNormalization(momentum=0.9),
        layers.Activation("relu"),
        layers.MaxPooling2D((2, 2)),
        # classifier
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(128),
        layers.BatchNormalization(momentum=0.9),
        layers.Activation("relu"),
        layers.Dropout(0.4),
        layers.Dense(10, activation="softmax"),
    ],
    name="cnn",
)
model.summary()

# %% [markdown]
# ## 3. Training
#
# 5 epochs with a batch size of 128, as suggested. Adam starts with a learning rate of 0.002, which a cosine schedule
# lowers to 0 by the last step, so that the network settles down at the end. The schedule is fixed
# beforehand; the test images are only watched (`validation_data`), nothing is chosen by them.

# %%
EPOCHS = 5
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
# ## 4. Learning curves

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
# **How to read them.** After a single epoch the network is already about as good as the perceptron of
# exercise 1 after its whole training, and it ends clearly higher, with less than a third of the
# weights: knowing which pixels are neighbours is worth more than having many weights. The test
# curve lies above the training curve because dropout makes the task harder during training and
# is switched off for the test. Both are still getting a little better when the learning rate
# reaches zero, and there is no sign of overfitting: the test loss never turns upwards.

# %%
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"test loss {loss:.4f}, test accuracy {accuracy:.2%}")
