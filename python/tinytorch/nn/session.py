"""Serving a model: the kernels of a forward pass, repeated without the Python around them."""

from .. import _C
from ..autograd import inference_mode
from .module import _assignments

__all__ = ["InferenceSession"]


class InferenceSession:
    """model(x) in inference_mode(weights=weights), by plans.

    The first call with inputs of one shape calls the model, the second also keeps the list of the
    kernels that ran, the third compares what the list gives with what the model does, and from the
    fourth on the list is repeated: no Python, no new tensors but the result, which has the same
    bits. Plans are made anew when a parameter or buffer changes or an attribute of any module is
    assigned. A model that does more than calling operations on its input, its parameters and its
    buffers (reads numbers, indexes with tensors, draws random ones, keeps tensors, assigns
    attributes), is in training or has hooks is called always: plan(x) says why. What else decides
    what forward does, a global variable or a list, must stay as it is. One tensor in, one out.

        model.eval()
        session = tinytorch.nn.InferenceSession(model)
        logits = session(images)
    """

    def __init__(self, model, weights=_C.dtype.float32):
        self.model = model
        self._weights = weights
        self._calls = _C.PlannedFunction(model)
        self._modules = None
        self._assigned = None  # the number of assignments when the plans were begun
        self._assigns = False

    def _look(self):
        self._modules = list(self.model.modules())
        self._assigned = _assignments[0]
        state = list(self.model.parameters()) + list(self.model.buffers())
        self._calls.watch([t for t in state if t is not None])

    def __call__(self, x):
        with inference_mode(weights=self._weights):
            if self._assigned != _assignments[0] or not self._calls.unchanged():
                self._look()
            if any(m.training or m._hooks for m in self._modules):
                return self.model(x)
            y = self._calls(x)
            self._assigns = self._assigned != _assignments[0]
            return y

    def plan(self, x):
        """The number of kernels in the plan for inputs like x, or a sentence why there is none."""
        if any(m.training or m._hooks for m in self.model.modules()):
            return "a part of the model is in training or has a hook"
        if self._assigns:
            return "attributes of modules are assigned while it runs"
        kernels, why = self._calls.plan(x)
        return why or kernels
