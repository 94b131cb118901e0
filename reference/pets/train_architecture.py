# %% [markdown]
# # Cats and dogs with a known architecture
#
# Trains the scaled-down network of `architecture.py`, which lies beside this module, on photographs
# of the size that `settings.json` names. The recipe is the same for every architecture, so that the
# results say something about the networks: random flips, shifts and zooms (layers inside the
# network), 35 epochs with batches of 32, AdamW with a warm-up and a cosine schedule, label smoothing.
#
# Everything is fixed in advance. The test images are watched, but they neither stop the training
# nor select an epoch.

# %%
import json
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np

from architecture import TITLE, build_small

SIZE = json.loads(Path("settings.json").read_text(encoding="utf-8"))["image_size"]
CLASSES = ["cat", "dog"]  # the position in the list is the label
EPOCHS = 35
BATCH_SIZE = 32


# %%
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
print(f"{TITLE}, scaled down, on images of {SIZE} x {SIZE} pixels")
print("training images:", x_train.shape, "test images:", x_test.shape)

# %%
model = build_small(SIZE)
model.summary()

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

# %%
epochs = range(1, EPOCHS + 1)
fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4))
left.plot(epochs, history.history["accuracy"], label="training")
left.plot(epochs, history.history["val_accuracy"], label="test")
left.set(title=f"{TITLE}, scaled down: accuracy", xlabel="epoch", ylabel="accuracy")
right.plot(epochs, history.history["loss"], label="training")
right.plot(epochs, history.history["val_loss"], label="test")
right.set(title="Loss", xlabel="epoch", ylabel="binary cross-entropy")
for ax in (left, right):
    ax.grid(alpha=0.3)
    ax.legend()
plt.show()
