"""Gradients: grad() and the modes in which none are recorded."""

import functools

from . import _C


class _Mode:
    """A context and a decorator that holds grad mode at one value."""

    def __init__(self, on):
        self._on = on
        self._held = []

    def __enter__(self):
        mode = _C.GradMode()
        mode.enter(self._on)
        self._held.append(mode)
        return self

    def __exit__(self, *error):
        self._held.pop().leave()

    def __call__(self, function):
        @functools.wraps(function)
        def inside(*args, **kwargs):
            with _Mode(self._on):
                return function(*args, **kwargs)

        return inside


class no_grad(_Mode):
    """Operations inside record nothing: `with no_grad():` or `@no_grad()`."""

    def __init__(self):
        super().__init__(False)


class enable_grad(_Mode):
    """The opposite, inside a no_grad."""

    def __init__(self):
        super().__init__(True)


class set_grad_enabled(_Mode):
    """At once, until the `with` block ends (for good without one)."""

    def __init__(self, mode):
        super().__init__(bool(mode))
        self.__enter__()
        self._entered = True

    def __enter__(self):
        if self.__dict__.pop("_entered", False):
            return self  # already so, since the call
        return super().__enter__()


def _tuple(x):
    return (x,) if isinstance(x, _C.Tensor) else tuple(x)


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    allow_unused=False,
):
    """Gradients of the outputs with respect to the inputs; no .grad changes.

    One for each input, None for one that was not used (an error unless allow_unused).
    """
    outputs, inputs = _tuple(outputs), _tuple(inputs)
    starts = [None] * len(outputs) if grad_outputs is None else list(_tuple(grad_outputs))
    if len(starts) != len(outputs):
        raise _C.ShapeError(f"grad: {len(starts)} grad_outputs for {len(outputs)} outputs.")
    keep = create_graph if retain_graph is None else retain_graph
    found = _C.grad(outputs, inputs, starts, keep, create_graph)
    if not allow_unused and any(g is None for g in found):
        unused = [i for i, g in enumerate(found) if g is None]
        raise _C.GradError(
            f"grad: input {unused[0]} was not used for the outputs. Hint: allow_unused=True gives "
            "None for it."
        )
    return tuple(found)


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False):
    """Fills .grad of the leaves below all tensors."""
    tensors = _tuple(tensors)
    starts = [None] * len(tensors) if grad_tensors is None else list(_tuple(grad_tensors))
    keep = create_graph if retain_graph is None else retain_graph
    for i, (tensor, start) in enumerate(zip(tensors, starts)):
        # What the tensors share is walked once for each of them.
        tensor.backward(start, keep or i + 1 < len(tensors), create_graph)
