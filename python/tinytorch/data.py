"""Data sets and the loader that makes batches of them."""

from . import _C

__all__ = [
    "DataLoader",
    "Dataset",
    "Subset",
    "TensorDataset",
    "dataset_names",
    "default_collate",
    "load_dataset",
    "random_split",
]


class Dataset:
    """Samples by number: a subclass has __len__ and __getitem__."""

    def __len__(self):
        raise NotImplementedError

    def __getitem__(self, index):
        raise NotImplementedError


class _Native(Dataset):
    """A data set of the library's: its batches are made there, by threads if there are workers."""

    def __init__(self, native):
        self._native = native

    def __len__(self):
        return len(self._native)

    def __getitem__(self, index):
        return self._native.sample(index, _C.dtype.float32)


class TensorDataset(Dataset):
    """Rows of tensors: sample i is (t[i] for t in tensors)."""

    def __init__(self, *tensors):
        if not tensors or any(len(t) != len(tensors[0]) for t in tensors):
            sizes = ", ".join(str(tuple(t.shape)) for t in tensors)
            raise _C.ShapeError(f"TensorDataset: the first sizes differ: {sizes}.")
        self.tensors = tensors
        self._native = _C.data.tensor_dataset(*tensors) if len(tensors) == 2 else None

    def __len__(self):
        return len(self.tensors[0])

    def __getitem__(self, index):
        return tuple(t[index] for t in self.tensors)


class Subset(Dataset):
    def __init__(self, dataset, indices):
        self.dataset, self.indices = dataset, list(indices)

    def __len__(self):
        return len(self.indices)

    def __getitem__(self, index):
        return self.dataset[self.indices[index]]


def random_split(dataset, lengths):
    """Parts of the given lengths, drawn with the default generator."""
    if sum(lengths) != len(dataset):
        raise _C.ConfigError(
            f"random_split: the lengths add up to {sum(lengths)}, the data set has {len(dataset)}."
        )
    order = _C.randperm(len(dataset)).tolist()
    parts, at = [], 0
    for length in lengths:
        parts.append(Subset(dataset, order[at : at + length]))
        at += length
    return parts


def default_collate(samples):
    """Samples of one structure as one structure of batches."""
    first = samples[0]
    if isinstance(first, _C.Tensor):
        return _C.stack(samples)
    if isinstance(first, (tuple, list)):
        return type(first)(default_collate(list(part)) for part in zip(*samples))
    if isinstance(first, dict):
        return {key: default_collate([s[key] for s in samples]) for key in first}
    if isinstance(first, str):
        return list(samples)
    if hasattr(first, "__array_interface__") and getattr(first, "ndim", 0):
        return _C.stack([_C.tensor(s) for s in samples])
    return _C.tensor(samples)


def load_dataset(name, normalize="standard", flatten=False, block_size=128, tokenizer="char",
                 vocab_size=1024):
    """(train, test) of a data set by its name: see dataset_names()."""
    train, test, classes = _C.data.load_dataset(
        name, normalize, flatten, block_size, tokenizer, vocab_size
    )
    train, test = _Native(train), _Native(test)
    train.classes = test.classes = classes
    return train, test


dataset_names = _C.data.dataset_names


class DataLoader:
    """Batches of a data set, one epoch for each `for`.

    Each loop has a place of its own: several may run at once, also in several threads.

    The order follows from seed and epoch alone; without a seed one is drawn from the default
    generator. For a TensorDataset of two tensors and for the library's own sets the library makes
    the batches, in num_workers threads; for other data sets Python does, and num_workers must be 0.
    state_dict() and load_state_dict() go on in the middle of an epoch with the same batches.
    dtype is that of the library's own sets; tensors keep theirs.
    """

    def __init__(self, dataset, batch_size=1, shuffle=False, num_workers=0, collate_fn=None,
                 drop_last=False, seed=None, dtype=_C.dtype.float32):
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        if batch_size < 1:
            raise _C.ConfigError(f"DataLoader: batch_size = {batch_size} must be positive.")
        if seed is None:
            seed = _C.randint(0, 2**31, (1,)).item() if shuffle else 0
        self._shuffle, self._collate = shuffle, collate_fn or default_collate
        native = getattr(dataset, "_native", None) if collate_fn is None else None
        self._make = None
        self._idle = []  # the library's loaders that no loop uses now; they keep their buffers
        if native is not None:
            self._make = lambda: _C.data.Loader(
                native, batch_size, shuffle, drop_last, num_workers, seed, dtype
            )
            self._idle.append(self._make())  # what does not fit is said here
            self._batches = self._idle[0].batches()
        elif num_workers:
            raise _C.ConfigError(
                "DataLoader: this data set is read by Python, which num_workers does not speed up. "
                "Hint: num_workers=0, or a TensorDataset(x, y)."
            )
        # Seed, epoch and batch that come next: where the loop stands that has come farthest.
        self._state = (seed, 0, 0)

    def __len__(self):
        if self._make is not None:
            return self._batches
        n, size = len(self.dataset), self.batch_size
        return n // size if self.drop_last else -(-n // size)

    def __iter__(self):
        seed, epoch, batch = self._state
        resumed = self.__dict__.pop("_resumed", False)
        if batch and not resumed:
            # The loop before was left early; a new one begins with a new epoch.
            self._state = seed, epoch, batch = seed, epoch + 1, 0
        make = self._native_batches if self._make is not None else self._python_batches
        return self._walk(make(seed, epoch, batch), seed, epoch, batch)

    def _walk(self, batches, seed, epoch, first):
        for number, batch in enumerate(batches, first + 1):
            self._reach(seed, epoch, number)
            yield batch
        self._reach(seed, epoch + 1, 0)

    def _reach(self, seed, epoch, batch):
        if seed == self._state[0] and (epoch, batch) > self._state[1:]:
            self._state = (seed, epoch, batch)

    def _native_batches(self, *state):
        try:
            loader = self._idle.pop()
        except IndexError:  # all of them are in use
            loader = self._make()
        try:
            loader.set_state(*state)
            while (batch := loader.next()) is not None:
                yield batch
        finally:
            self._idle.append(loader)

    def _python_batches(self, seed, epoch, first):
        n = len(self.dataset)
        order = _C.data.shuffled_order(n, seed, epoch) if self._shuffle else range(n)
        for batch in range(first, len(self)):
            rows = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            yield self._collate([self.dataset[i] for i in rows])

    def state_dict(self):
        """Where the loader stands: the batch it will give next."""
        return dict(zip(("seed", "epoch", "batch"), self._state))

    def load_state_dict(self, state):
        seed, epoch, batch = state["seed"], state["epoch"], state["batch"]
        if epoch < 0 or not 0 <= batch <= len(self):
            raise _C.ConfigError(
                f"DataLoader: the state has epoch {epoch}, batch {batch}, but an epoch has "
                f"{len(self)} batches. Hint: resume with the data and batch_size of the saved run."
            )
        self._state = (seed, epoch, batch)
        self._resumed = True
