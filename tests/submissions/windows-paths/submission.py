# Übung 3: Hunde und Katzen
import os

import numpy as np
from PIL import Image
from tensorflow import keras

ORDNER = r"C:\Users\Jonas\Documents\Uni\CNN\Hunde und Katzen"
GROESSE = 64


def lade(teil):
    bilder, klassen = [], []
    for klasse, name in enumerate(["Katzen", "Hunde"]):
        pfad = ORDNER + "\\" + teil + "\\" + name
        for datei in os.listdir(pfad)[:300]:
            bild = Image.open(os.path.join(pfad, datei)).convert("RGB").resize((GROESSE, GROESSE))
            bilder.append(np.asarray(bild, dtype="float32") / 255)
            klassen.append(klasse)
    return np.array(bilder), np.array(klassen)


x_train, y_train = lade("Training")
x_val, y_val = lade("Validierung")
print(len(x_train), "Trainingsbilder")

modell = keras.Sequential([
    keras.Input((GROESSE, GROESSE, 3)),
    keras.layers.Conv2D(8, 3, activation="relu"),
    keras.layers.MaxPooling2D(),
    keras.layers.Conv2D(16, 3, activation="relu"),
    keras.layers.MaxPooling2D(),
    keras.layers.Flatten(),
    keras.layers.Dropout(0.4),
    keras.layers.Dense(1, activation="sigmoid"),
])
modell.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
modell.fit(x_train, y_train, batch_size=32, epochs=5, validation_data=(x_val, y_val), verbose=2)
modell.save(r"C:\Users\Jonas\Documents\Uni\CNN\modell.keras")
