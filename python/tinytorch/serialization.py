"""Tensors in files: safetensors, which any framework reads. There is no pickle."""

import os
import tempfile

from . import _C


def save_file(tensors, filename, metadata=None):
    """Writes a dictionary of tensors. The file is replaced as a whole or not at all.

    An open file (binary, also io.BytesIO) is written to from where it stands.
    """
    if hasattr(filename, "write"):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "tensors")
            save_file(tensors, path, metadata)
            with open(path, "rb") as file:
                filename.write(file.read())
        return
    pairs = [(str(name), tensor.detach()) for name, tensor in tensors.items()]
    _C.data.write_safetensors(os.fspath(filename), pairs, dict(metadata or {}))


def load_file(filename):
    """The dictionary of tensors that save_file wrote; of an open file what is left to read."""
    return dict(_read(filename)[0])


def load_metadata(filename):
    return dict(_read(filename)[1])


def _read(filename):
    if hasattr(filename, "read"):
        return _C.data.parse_safetensors(filename.read())
    return _C.data.read_safetensors(os.fspath(filename))


# NumPy's files: one array, or several under names.
def save_npy(tensor, filename):
    _C.data.write_npy(os.fspath(filename), tensor.detach())


def load_npy(filename):
    return _C.data.read_npy(os.fspath(filename))


def save_npz(tensors, filename, compressed=False):
    pairs = [(str(name), tensor.detach()) for name, tensor in tensors.items()]
    _C.data.write_npz(os.fspath(filename), pairs, compressed)


def load_npz(filename):
    return dict(_C.data.read_npz(os.fspath(filename)))


# PyTorch's names for the two; what they read and write is a dictionary of tensors (a state_dict).
def save(obj, f):
    if not isinstance(obj, dict) or not all(isinstance(v, _C.Tensor) for v in obj.values()):
        raise _C.ConfigError(
            "save: only a dictionary of tensors can be saved. Hint: save(model.state_dict(), path)."
        )
    save_file(obj, f)


def load(f):
    return load_file(f)
