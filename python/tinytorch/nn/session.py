"""Serving a model: the kernels of a forward pass, repeated without the Python around them."""

from .. import _C
from ..autograd import inference_mode

__all__ = ["InferenceSession"]


class InferenceSession:
    """model(x) in inference_mode(weights=weights), by plans.

    The first call with inputs of one shape calls the model, the second also keeps the list of the
    kernels that ran, and from the third on that list is repeated: no Python, no new tensors but the
    result, which has the same bits. Plans are made anew when a parameter or buffer changes. A model
    that does more than calling kernels (reads numbers, draws random ones, keeps tensors), is in
    training or has hooks is called always: plan(x) says why. What forward decides it must decide
    alike for every input of a shape. One tensor in, one out.

        model.eval()
        session = tinytorch.nn.InferenceSession(model)
        logits = session(images)
    """

    def __init__(self, model, weights=_C.dtype.float32):
        self.model = model
        self._weights = weights
        self._calls = _C.PlannedFunction(model)
        self._modules = None

    def _look(self):
        self._modules = list(self.model.modules())
        state = list(self.model.parameters()) + list(self.model.buffers())
        self._calls.watch([t for t in state if t is not None])

    def __call__(self, x):
        with inference_mode(weights=self._weights):
            if self._modules is None or not self._calls.unchanged():
                self._look()
            if any(m.training or m._hooks for m in self._modules):
                return self.model(x)
            return self._calls(x)

    def plan(self, x):
        """The number of kernels in the plan for inputs like x, or a sentence why there is none."""
        if any(m.training or m._hooks for m in self.model.modules()):
            return "a part of the model is in training or has a hook"
        kernels, why = self._calls.plan(x)
        return why or kernels
