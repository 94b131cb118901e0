# Exercise 1, written by André
import keras

print('Größe:', keras.__version__)
