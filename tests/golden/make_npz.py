#!/usr/bin/env python3
"""Archives as NumPy writes them, for tests/unit/data/npz_test.cpp: run it where numpy is installed.

    /usr/bin/python3 tests/golden/make_npz.py

`streamed.npz` was written to a pipe: zipfile cannot go back then, so that sizes and CRC-32 stand
behind each member's data and in the central directory alone.
"""
import io
from pathlib import Path

import numpy as np

ARRAYS = {
    "weight": np.arange(6, dtype=np.float32).reshape(2, 3) / 4,
    "columns": np.asfortranarray(np.arange(6, dtype=np.int64).reshape(2, 3)),
    "flag": np.array(True),
    "größe": np.array([1e300], dtype=">f8"),
    "empty": np.zeros((0, 3), dtype=np.uint8),
    "zeros": np.zeros(1000, dtype=np.int32),
}


class Pipe(io.RawIOBase):
    """Takes bytes in order only."""

    def __init__(self):
        self.taken = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.taken += data
        return len(data)


folder = Path(__file__).parent / "npz"
folder.mkdir(exist_ok=True)
np.savez(folder / "savez.npz", **{k: v for k, v in ARRAYS.items() if k != "zeros"})
np.savez_compressed(folder / "savez_compressed.npz", **ARRAYS)
pipe = Pipe()
np.savez_compressed(pipe, **ARRAYS)
(folder / "streamed.npz").write_bytes(pipe.taken)
