# Zadanie 3: koty i psy, obrazy w skali szarości
import os
import random

import cv2
import numpy as np
from keras.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from keras.models import Sequential

KATALOG = "dataset/train"
KATEGORIE = ["cat", "dog"]
ROZMIAR = 100

dane = []
for kategoria in KATEGORIE:
    sciezka = os.path.join(KATALOG, kategoria)
    for plik in os.listdir(sciezka)[:400]:
        obraz = cv2.cvtColor(cv2.imread(os.path.join(sciezka, plik)), cv2.COLOR_BGR2GRAY)
        dane.append([cv2.resize(obraz, (ROZMIAR, ROZMIAR)), KATEGORIE.index(kategoria)])
random.shuffle(dane)

X = np.array([obraz for obraz, _ in dane]).reshape(-1, ROZMIAR, ROZMIAR, 1) / 255.0
y = np.array([etykieta for _, etykieta in dane])

model = Sequential()
model.add(Conv2D(8, (3, 3), activation="relu", input_shape=X.shape[1:]))
model.add(MaxPooling2D(pool_size=(3, 3)))
model.add(Conv2D(16, (3, 3), activation="relu"))
model.add(MaxPooling2D(pool_size=(3, 3)))
model.add(Flatten())
model.add(Dropout(0.3))
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(X, y, batch_size=32, epochs=3, validation_split=0.1)
