# -*- coding: utf-8 -*-
# Práctica 1: reconocimiento de dígitos
from keras.datasets import mnist
from keras.models import Sequential
from keras.layers.core import Dense, Activation

(X_train, y_train), (X_test, y_test) = mnist.load_data()
print "Tamaño del conjunto de entrenamiento:", X_train.shape
X_train = X_train.reshape(60000, 784) / 255.
model = Sequential()
model.add(Dense(512, input_shape=(784,)))
model.add(Activation('relu'))
model.add(Dense(10))
model.add(Activation('softmax'))
model.compile(loss='sparse_categorical_crossentropy', optimizer='rmsprop')
for epoca in xrange(10):
    print "época", epoca
    model.fit(X_train, y_train, batch_size=128, nb_epoch=1)
