"""Esercizio 1: addestra la rete e stampa l'accuratezza."""
from dati import carica
from rete import costruisci

(x_train, y_train), (x_test, y_test) = carica()
rete = costruisci(64)
rete.fit(x_train, y_train, epochs=2, batch_size=128, verbose=2)
print("accuratezza:", rete.evaluate(x_test, y_test, verbose=0)[1])
