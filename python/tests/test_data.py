"""Data sets and loaders."""

import threading
import unittest

import numpy as np
from common import TestCase, tt


class Data(TestCase):
    def test_tensor_dataset_and_loader(self):
        x, y = tt.arange(10).float().reshape(10, 1), tt.arange(10)
        data = tt.data.TensorDataset(x, y)
        loader = tt.utils.data.DataLoader(data, batch_size=4)
        self.assertEqual(len(loader), 3)
        seen = [b.tolist() for _, b in loader]
        self.assertEqual(seen, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]])
        kept = list(loader)  # batches that are held stay what they were
        self.assertEqual([b.tolist() for _, b in kept], seen)
        arrays = [b.numpy() for _, b in loader]
        self.assertEqual([a.tolist() for a in arrays], seen)
        self.assertEqual(data[3][1].item(), 3)

    def test_the_tensors_of_a_batch_keep_their_dtypes(self):
        floats = [tt.float32, tt.float64, tt.bfloat16]
        for a in [*floats, tt.int64, tt.uint8]:
            for b in [*floats, tt.int32, tt.bool]:
                x, y = (tt.arange(8) * 37).reshape(4, 2).to(a), (tt.arange(4) / 3).to(b)
                data = tt.data.TensorDataset(x, y)
                for workers in (0, 2):
                    loader = tt.data.DataLoader(data, batch_size=3, num_workers=workers)
                    at = 0
                    for batch in loader:
                        for rows, whole in zip(batch, (x, y)):
                            self.assertEqual(rows.dtype, whole.dtype)
                            self.assertEqual(rows.tolist(), whole[at : at + len(rows)].tolist())
                        self.assertEqual(data[at][1].dtype, b)
                        at += len(batch[1])
                    self.assertEqual(at, 4)

    def test_shuffling(self):
        data = tt.data.TensorDataset(tt.zeros(20, 1), tt.arange(20))

        def epochs(**options):
            loader = tt.data.DataLoader(data, batch_size=8, shuffle=True, **options)
            return [[i for _, b in loader for i in b.tolist()] for _ in range(2)]

        a = epochs(seed=1)
        self.assertEqual(sorted(a[0]), list(range(20)))
        self.assertNotEqual(a[0], a[1])
        self.assertEqual(a, epochs(seed=1, num_workers=2))
        self.assertNotEqual(a, epochs(seed=2))
        tt.manual_seed(1)
        b = epochs()
        tt.manual_seed(1)
        self.assertEqual(b, epochs())

    def test_leaving_early_and_going_on(self):
        x = tt.arange(10).float()

        class Pairs(tt.data.Dataset):
            def __len__(self):
                return 10

            def __getitem__(self, i):
                return {"x": x[i], "i": i, "a": np.full(2, i)}

        for data in (tt.data.TensorDataset(x, tt.arange(10)), Pairs()):
            def rows(batch):
                return (batch[1] if isinstance(batch, tuple) else batch["i"]).tolist()

            loader = tt.data.DataLoader(data, batch_size=3, shuffle=True, seed=4)
            first = [rows(b) for b in loader]
            second = [rows(b) for b in loader]
            again = tt.data.DataLoader(data, batch_size=3, shuffle=True, seed=4)
            for batch in again:
                break
            state = again.state_dict()
            self.assertEqual([rows(b) for b in again], second)  # a new epoch
            again.load_state_dict(state)
            self.assertEqual([rows(b) for b in again], first[1:])
        self.assertEqual(next(iter(tt.data.DataLoader(Pairs(), batch_size=3)))["a"].shape, (3, 2))

    def loaders(self, **options):
        """Of the library's batches and of Python's; batches as lists."""
        x = tt.arange(6)

        class Numbers(tt.data.Dataset):
            def __len__(self):
                return 6

            def __getitem__(self, i):
                return x[i], x[i]

        for data in (tt.data.TensorDataset(x.float(), x), Numbers()):
            loader = tt.data.DataLoader(data, batch_size=2, **options)
            yield loader, lambda walk: [b.tolist() for _, b in walk]

    def test_loops_over_one_loader_do_not_share_a_place(self):
        for options in ({}, {"shuffle": True, "seed": 3}):
            for loader, rows in self.loaders(**options):
                pairs = [(a.tolist(), b.tolist()) for (_, a), (_, b) in zip(loader, loader)]
                self.assertEqual(len(pairs), 3)
                for a, b in pairs:
                    self.assertEqual(a, b)
                self.assertEqual(sorted(sum((a for a, _ in pairs), [])), list(range(6)))
                for _ in loader:  # a loop in a loop: each is whole
                    self.assertEqual(sorted(sum(rows(loader), [])), list(range(6)))

    def test_epochs_do_not_come_twice(self):
        for loader, rows in self.loaders(shuffle=True, seed=1):
            fresh = [rows(loader) for _ in range(6)]
        for loader, rows in self.loaders(shuffle=True, seed=1):
            self.assertEqual(rows(loader), fresh[0])
            self.assertEqual(rows(a for a, _ in zip(loader, loader)), fresh[1])
            outer = iter(loader)
            next(outer)
            self.assertEqual(loader.state_dict()["batch"], 1)
            inner = rows(loader)
            self.assertNotIn(inner, fresh[:2])
            self.assertEqual(rows(outer), fresh[loader.state_dict()["epoch"] - 2][1:])
            self.assertEqual(rows(loader), fresh[fresh.index(inner) + 1])
            with self.assertRaisesRegex(ValueError, "3 batches"):
                loader.load_state_dict({"seed": 1, "epoch": 0, "batch": 4})

    def test_threads_may_loop_over_one_loader(self):
        data = tt.data.TensorDataset(tt.arange(64).float(), tt.arange(64))
        loader = tt.data.DataLoader(data, batch_size=4, num_workers=2)
        sums = []

        def work():
            for _ in range(5):
                sums.append(sum(b.sum().item() for _, b in loader))

        threads = [threading.Thread(target=work, daemon=True) for _ in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(20)
        self.assertEqual(sums, [64 * 63 // 2] * 15)

    def test_sets_of_the_library(self):
        train, test = tt.data.load_dataset("digits", flatten=True)
        self.assertEqual((len(train), len(test), train.classes), (1438, 359, 10))
        x, y = train[0]
        self.assertEqual((x.shape, y.dtype), ((64,), tt.int64))
        xs, ys = next(iter(tt.data.DataLoader(train, batch_size=5, num_workers=1)))
        self.same(xs[0], x)
        self.assertEqual(ys.shape, (5,))
        parts = tt.data.random_split(test, [300, 59])
        self.assertEqual([len(p) for p in parts], [300, 59])
        with self.assertRaisesRegex(ValueError, "digitz.*digits"):
            tt.data.load_dataset("digitz")
        with self.assertRaises(IndexError):
            train[1438]

    def test_a_lone_tensor_is_a_data_set_too(self):
        loader = tt.data.DataLoader(tt.data.TensorDataset(tt.arange(5)), batch_size=2)
        self.assertEqual([b[0].tolist() for b in loader], [[0, 1], [2, 3], [4]])
        with self.assertRaisesRegex(ValueError, "num_workers"):
            tt.data.DataLoader(tt.data.TensorDataset(tt.arange(5)), num_workers=2)


if __name__ == "__main__":
    unittest.main()
