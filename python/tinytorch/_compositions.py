"""Functions that are put together from the library's: of the module and, most, of Tensor."""

import builtins

from . import _C

Tensor = _C.Tensor
_INFINITY = builtins.float("inf")


# ---- comparisons


def isnan(input):
    return input != input


def isinf(input):
    return isnan(input) if _is_whole(input) else input.abs() == _INFINITY


def isfinite(input):
    if _is_whole(input):
        return input == input
    return input - input == 0  # infinities and NaN give NaN


def _is_whole(x):
    return not x.dtype.is_floating_point


def isclose(input, other, rtol=1e-5, atol=1e-8, equal_nan=False):
    """|input - other| <= atol + rtol |other|; infinities are close to themselves alone."""
    with_no_gap = input == other
    if equal_nan:
        with_no_gap = with_no_gap | (isnan(input) & isnan(other))
    gap = (input - other).abs()
    return with_no_gap | (isfinite(gap) & (gap <= other.abs() * rtol + atol))


def allclose(input, other, rtol=1e-5, atol=1e-8, equal_nan=False):
    return isclose(input, other, rtol, atol, equal_nan).all().item()


def equal(input, other):
    """Whether shapes and all elements are the same."""
    return input.shape == other.shape and (input == other).all().item()


# ---- whole numbers; their gradient is 0 everywhere


def _whole(x, toward):
    """x rounded, halves to even, and then moved toward(x, rounded)."""
    if _is_whole(x):
        return x
    # Beside 2^23 (2^52) a float (double) has no fractions: adding it rounds, and larger numbers
    # are whole already. That of x's sign keeps the sum from falling below it.
    size = 2.0 ** (52 if x.dtype == _C.dtype.float64 else 23)
    wide = x.detach().float() if x.dtype == _C.dtype.bfloat16 else x.detach()
    offset = _C.where(wide < 0, -size, size).to(wide.dtype)
    rounded = _C.where(wide.abs() < size, wide + offset - offset, wide)
    # (A choice that never falls on x keeps it in the graph.)
    return _C.where(_C.ones_like(x, dtype=_C.dtype.bool), toward(wide, rounded).to(x.dtype), x)


def round(input):
    return _whole(input, lambda x, r: r)


def floor(input):
    return _whole(input, lambda x, r: r - (r > x).to(r.dtype))


def ceil(input):
    return _whole(input, lambda x, r: r + (r < x).to(r.dtype))


# ---- vectors and places


def dot(input, other):
    if input.dim() != 1 or input.shape != other.shape:
        raise _C.ShapeError(
            f"dot: {list(input.shape)} and {list(other.shape)}; both must be vectors of one length."
        )
    return (input * other).sum()


def nonzero(input, as_tuple=False):
    """The places of what is not 0: (n, dim) numbers, or one list of numbers for each dimension."""
    if input.dim() == 0:
        raise _C.ShapeError("nonzero: a 0-d tensor has no places. Hint: reshape(1).")
    places = _C._places(input.detach() != 0)
    return tuple(places) if as_tuple else _C.stack(places, 1)


def diag(input, diagonal=0):
    """A vector as the diagonal of a matrix, a matrix's diagonal as a vector."""
    down, right = max(-diagonal, 0), max(diagonal, 0)
    if input.dim() == 1:
        n = len(input)
        at = _C.arange(n)
        zeros = _C.zeros(n + down + right, n + down + right, dtype=input.dtype)
        return zeros.index_put((at + down, at + right), input)
    if input.dim() != 2:
        raise _C.ShapeError(f"diag: {list(input.shape)} is neither a vector nor a matrix.")
    at = _C.arange(max(min(input.shape[0] - down, input.shape[1] - right), 0))
    return input[at + down, at + right]


# ---- methods alone


def clamp_(self, min=None, max=None):
    values = self.clone() if self.requires_grad else self  # clamp's gradient reads what it was given
    return self.copy_(values.clamp(min, max))


def masked_fill_(self, mask, value):
    return self.copy_(self.masked_fill(mask, value))


def new_tensor(self, data, dtype=None, requires_grad=False):
    return _C.tensor(data, dtype=dtype or self.dtype, requires_grad=requires_grad)


FUNCTIONS = (allclose, ceil, diag, dot, equal, floor, isclose, isfinite, isinf, isnan, nonzero, round)
for _function in (*FUNCTIONS, clamp_, masked_fill_, new_tensor):
    setattr(Tensor, _function.__name__, _function)
