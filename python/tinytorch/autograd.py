"""Gradients: grad() and the modes in which none are recorded."""

import functools
import inspect

from . import _C


class _Mode:
    """A context and a decorator that holds a mode of the library at one value."""

    _kind = _C.GradMode

    def __init__(self, value):
        self._value = value
        self._held = []

    def __enter__(self):
        mode = self._kind()
        mode.enter(self._value)
        self._held.append(mode)
        return self

    def __exit__(self, *error):
        self._held.pop().leave()

    def __call__(self, function):
        if inspect.isgeneratorfunction(function):
            return self._around_steps(function)

        @functools.wraps(function)
        def inside(*args, **kwargs):
            with self._again():
                return function(*args, **kwargs)

        return inside

    def _around_steps(self, function):
        """A generator's body runs in steps, with its caller's code between: each enters the mode."""

        @functools.wraps(function)
        def inside(*args, **kwargs):
            generator = function(*args, **kwargs)
            step, given = generator.send, None
            while True:
                try:
                    with self._again():
                        value = step(given)
                except StopIteration as end:
                    return end.value
                try:
                    step, given = generator.send, (yield value)
                except GeneratorExit:
                    with self._again():
                        generator.close()
                    raise
                except BaseException as error:
                    step, given = generator.throw, error

        return inside

    def _again(self):
        """A mode of the same value, for one call of a decorated function."""
        again = object.__new__(_Mode)
        again._kind = self._kind
        _Mode.__init__(again, self._value)
        return again


class no_grad(_Mode):
    """Operations inside record nothing: `with no_grad():` or `@no_grad()`."""

    def __init__(self):
        super().__init__(False)


class enable_grad(_Mode):
    """The opposite, inside a no_grad."""

    def __init__(self):
        super().__init__(True)


class inference_mode(_Mode):
    """As no_grad, and weights are taken to stay as they are while the mode lasts.

    Layers then read a copy of their weight that lies in the order of their kernels. It is made at
    the first call and kept until the weight changes: small batches and generation are faster, and
    the results have the same bits. `weights` says how products of at most four rows read it:
    float32, bfloat16 (8 bits of mantissa) or int8 (127 steps to each output's largest weight).
    inference_mode(False) changes nothing.
    """

    _kind = _C.InferenceMode

    def __init__(self, mode=True, weights=_C.dtype.float32):
        super().__init__(weights if mode else None)


class set_grad_enabled(_Mode):
    """At once, until the `with` block ends (for good without one); or in a decorated function."""

    def __init__(self, mode):
        super().__init__(bool(mode))
        self.__enter__()
        self._entered = True

    def __enter__(self):
        if self.__dict__.pop("_entered", False):
            return self  # already so, since the call
        return super().__enter__()

    def __call__(self, function):
        if self.__dict__.pop("_entered", False):
            self.__exit__()  # it is meant for the function alone
        return super().__call__(function)


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
