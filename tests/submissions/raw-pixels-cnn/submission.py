from keras.datasets import mnist
from keras.layers import Conv2D, Dense, Flatten, MaxPooling2D
from keras.models import Sequential

(X_ent, y_ent), (X_pru, y_pru) = mnist.load_data()
X_ent = X_ent.reshape(X_ent.shape[0], 28, 28, 1)  # sin normalizar
X_pru = X_pru.reshape(X_pru.shape[0], 28, 28, 1)

red = Sequential()
red.add(Conv2D(8, kernel_size=3, activation="relu", input_shape=(28, 28, 1)))
red.add(MaxPooling2D(pool_size=2))
red.add(Flatten())
red.add(Dense(10, activation="softmax"))
red.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
red.fit(X_ent, y_ent, batch_size=128, epochs=3, verbose=2)
print("Precisión:", red.evaluate(X_pru, y_pru, verbose=0)[1])
