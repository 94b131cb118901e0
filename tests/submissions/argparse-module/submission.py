#!/usr/bin/env python3
"""Übung 1: Ziffernerkennung mit einem mehrschichtigen Perzeptron."""
import argparse
from pathlib import Path

import numpy as np
from tensorflow import keras


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochen", type=int, default=3)
    parser.add_argument("--neuronen", type=int, nargs="+", default=[64, 32])
    parser.add_argument("--ausgabe", type=Path, default=Path("ergebnisse"))
    return parser.parse_args()


def lade_daten():
    (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    return (x_train.reshape(-1, 784) / np.float32(255), y_train), (x_test.reshape(-1, 784) / np.float32(255), y_test)


def baue_netz(neuronen):
    netz = keras.Sequential([keras.Input((784,))])
    for n in neuronen:
        netz.add(keras.layers.Dense(n, activation="relu"))
    netz.add(keras.layers.Dense(10, activation="softmax"))
    netz.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return netz


def main():
    args = parse_args()
    args.ausgabe.mkdir(exist_ok=True)
    train, test = lade_daten()
    netz = baue_netz(args.neuronen)
    netz.fit(*train, epochs=args.epochen, batch_size=128, validation_data=test, verbose=2)
    netz.save(args.ausgabe / "netz.keras")
    print("Genauigkeit auf den Testdaten:", netz.evaluate(*test, verbose=0)[1])


if __name__ == "__main__":
    main()
