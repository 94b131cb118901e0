import keras
import matplotlib.pyplot as plt


def load_mnist():
    (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    return flatten(x_train), y_train, flatten(x_test), y_test


def flatten(images):
    return images.reshape(len(images), -1).astype("float32") / 255


def plot_history(history):
    for name, values in history.history.items():
        if name.endswith("accuracy"):
            plt.plot(range(1, len(values) + 1), values, marker="o", label=name)
    plt.xlabel("epoch")
    plt.legend()
    plt.show()
