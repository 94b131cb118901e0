"""Which backends notebooks may ask Keras for on this machine."""

from importlib.util import find_spec

# The package that each backend needs, how it is written, and how it comes here.
BACKENDS = {
    "tensorflow": ("TensorFlow", ""), "jax": ("JAX", "pip install 'grader[jax]'"),
    "torch": ("PyTorch", "pip install torch --index-url https://download.pytorch.org/whl/cpu"),
}  # fmt: skip


def installed_backends() -> list[str]:
    """Their names, as `KERAS_BACKEND` has them."""
    return [name for name in BACKENDS if find_spec(name) is not None]


def backend_lines() -> list[str]:
    """For people."""
    installed = installed_backends()
    lines = [f"Notebooks may run Keras on {', '.join(BACKENDS[name][0] for name in installed)}."]
    for title, remedy in (BACKENDS[name] for name in BACKENDS if name not in installed):
        lines.append(f"  Those that ask for {title} run on TensorFlow; to run them on {title}: {remedy}")
    return lines
