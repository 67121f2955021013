"""What the tests share."""

import unittest
import warnings

import numpy as np

import tinytorch as tt

warnings.simplefilter("error")  # a warning that no test expects is a failure


def array(x):
    return x.detach().numpy() if isinstance(x, tt.Tensor) else np.asarray(x)


class TestCase(unittest.TestCase):
    def close(self, ours, theirs, tolerance=1e-5):
        """Same shape and values; theirs is NumPy's, PyTorch's or a list."""
        if hasattr(theirs, "detach"):
            theirs = theirs.detach().numpy()
        ours, theirs = array(ours), array(theirs)
        self.assertEqual(ours.shape, theirs.shape)
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)

    def same(self, ours, theirs):
        ours, theirs = array(ours), array(theirs)
        self.assertEqual(ours.dtype, theirs.dtype)
        np.testing.assert_array_equal(ours, theirs)
