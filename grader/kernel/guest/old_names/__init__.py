"""Old names of Keras, NumPy and TensorFlow that still work here, by what became of them; `install` puts all in place."""
