"""Tensors in files: safetensors, which any framework reads. There is no pickle."""

import os

from . import _C


def save_file(tensors, filename, metadata=None):
    """Writes a dictionary of tensors. The file is replaced as a whole or not at all."""
    pairs = [(str(name), tensor.detach()) for name, tensor in tensors.items()]
    _C.data.write_safetensors(os.fspath(filename), pairs, dict(metadata or {}))


def load_file(filename):
    """The dictionary of tensors that save_file wrote."""
    return dict(_C.data.read_safetensors(os.fspath(filename))[0])


def load_metadata(filename):
    return dict(_C.data.read_safetensors(os.fspath(filename))[1])


# PyTorch's names for the two; what they read and write is a dictionary of tensors (a state_dict).
def save(obj, f):
    if not isinstance(obj, dict) or not all(isinstance(v, _C.Tensor) for v in obj.values()):
        raise _C.ConfigError(
            "save: only a dictionary of tensors can be saved. Hint: save(model.state_dict(), path)."
        )
    save_file(obj, f)


def load(f):
    return load_file(f)
