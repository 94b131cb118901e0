"""The doctor's lines about the backends that notebooks may ask for."""

import pytest

from grader.attacks import machine


def test_the_doctor_says_which_backends_are_here_and_how_the_others_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "find_spec", lambda name: None if name == "jax" else name)
    first, *others = machine.backend_lines()
    assert first == "Notebooks may run Keras on TensorFlow, PyTorch."
    assert others == ["  Those that ask for JAX run on TensorFlow; to run them on JAX: pip install 'grader[jax]'"]
    assert machine.installed_backends() == ["tensorflow", "torch"]
