# Esercizio 1
from tensorflow.keras.datasets import mnist
from tensorflow.keras.layers import Dense
from tensorflow.keras.models import Sequential

x_train, y_train, x_test, y_test = mnist.load_data()
modello = Sequential([Dense(64, activation="relu", input_shape=(784,)), Dense(10, activation="softmax")])
modello.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
modello.fit(x_train.reshape(-1, 784) / 255, y_train, epochs=10, batch_size=128)
