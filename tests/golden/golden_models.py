"""The four ready models in PyTorch's words, and what the tests compare: logits, gradients, losses.

Weights and inputs are drawn with splitmix64, seeded by the FNV-1a hash of their name, on both sides
(tests/unit/golden/models_golden_test.cpp), so only results are stored.
"""
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

MASK = (1 << 64) - 1
STEPS = 50
BATCHES = 5


def fnv(name):
    h = 0xcbf29ce484222325
    for byte in name.encode():
        h = (h ^ byte) * 0x100000001b3 & MASK
    return h


def uniforms(name, count):
    """count numbers of [0, 1): splitmix64 seeded by the name's hash."""
    with np.errstate(over="ignore"):
        z = np.uint64(fnv(name)) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9e3779b97f4a7c15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) * 2.0 ** -53


def weight(name, shape):
    u = 2 * uniforms(name, int(np.prod(shape))) - 1
    if len(shape) > 1:
        u *= (3 / np.prod(shape[1:])) ** 0.5
    elif name.endswith("weight"):
        u = 1 + 0.2 * u
    else:
        u *= 0.1
    return torch.from_numpy(u.reshape(shape))


class Block(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.downsample = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o)) if stride > 1 or i != o else None

    def forward(self, x):
        h = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(h + (self.downsample(x) if self.downsample else x))


class ResNet20(nn.Module):
    def __init__(self, c, classes):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        i = 16
        for stage in range(3):
            o = 16 << stage
            setattr(self, f"layer{stage + 1}", nn.Sequential(*[Block(i if b == 0 else o, o, 2 if stage and b == 0 else 1) for b in range(3)]))
            i = o
        self.fc = nn.Linear(64, classes)

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        h = self.layer3(self.layer2(self.layer1(h)))
        return self.fc(F.adaptive_avg_pool2d(h, 1).flatten(1))


class Attention(nn.Module):
    def __init__(self, c, heads):
        super().__init__()
        self.c_attn, self.c_proj, self.heads = nn.Linear(c, 3 * c), nn.Linear(c, c), heads

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (p.view(b, t, self.heads, -1).transpose(1, 2) for p in self.c_attn(x).split(c, 2))
        s = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).masked_fill(~torch.ones(t, t, dtype=torch.bool).tril(), -torch.inf)
        return self.c_proj((s.softmax(-1) @ v).transpose(1, 2).reshape(b, t, c))


class Mlp(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(c, 4 * c), nn.Linear(4 * c, c)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x)))


class TransformerBlock(nn.Module):
    def __init__(self, c, heads):
        super().__init__()
        self.ln_1, self.attn, self.ln_2, self.mlp = nn.LayerNorm(c), Attention(c, heads), nn.LayerNorm(c), Mlp(c)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Gpt(nn.Module):
    def __init__(self, layers, heads, c, t, vocab):
        super().__init__()
        self.transformer = nn.ModuleDict({"wte": nn.Embedding(vocab, c), "wpe": nn.Embedding(t, c),
                                          "h": nn.ModuleList([TransformerBlock(c, heads) for _ in range(layers)]), "ln_f": nn.LayerNorm(c)})
        self.lm_head = nn.Linear(c, vocab, bias=False)
        self.lm_head.weight = self.transformer.wte.weight

    def forward(self, i):
        x = self.transformer.wte(i) + self.transformer.wpe(torch.arange(i.shape[1]))
        for block in self.transformer.h:
            x = block(x)
        return self.lm_head(self.transformer.ln_f(x))


def mlp():
    return nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))


def cnn():
    return nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))


MODELS = {  # name: (model, input shape, classes)
    "mlp": (mlp, (16, 64), 10),
    "cnn": (cnn, (6, 1, 8, 8), 10),
    "resnet20": (lambda: ResNet20(3, 10), (4, 3, 8, 8), 10),
    "gpt": (lambda: Gpt(2, 2, 32, 12, 17), (4, 12), 17),
}


def batch(name, shape, classes, index):
    u = uniforms(f"{name}.x{index}", int(np.prod(shape)))
    t = shape if name == "gpt" else shape[:1]
    y = torch.from_numpy((uniforms(f"{name}.y{index}", int(np.prod(t))) * classes).astype(np.int64).reshape(t))
    if name == "gpt":
        return torch.from_numpy((u * classes).astype(np.int64).reshape(shape)), y
    return torch.from_numpy((4 * u - 2).reshape(shape)), y


def fresh(name):
    make, shape, classes = MODELS[name]
    model = make().double()
    with torch.no_grad():
        for key, p in model.named_parameters():
            p.copy_(weight(key, tuple(p.shape)))
    return model, shape, classes


def loss_of(model, x, y):
    out = model(x)
    return F.cross_entropy(out.reshape(-1, out.shape[-1]), y.reshape(-1))


def make_models(folder, write_safetensors):
    golden = {}
    for name in MODELS:
        model, shape, classes = fresh(name)
        x, y = batch(name, shape, classes, 0)
        golden[f"{name}.logits"] = model(x).detach().numpy()
        model, _, _ = fresh(name)
        loss_of(model, x, y).backward()
        for key, p in model.named_parameters():
            g = p.grad.numpy().reshape(-1)
            probe = uniforms(key + ".probe", g.size) - 0.5
            golden[f"{name}.grad.{key}"] = np.concatenate([[np.linalg.norm(g), g @ probe], g[:: max(1, g.size // 14)][:14]])
        for optimizer in ("sgd", "adamw"):
            model, _, _ = fresh(name)
            opt = (torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, nesterov=True, weight_decay=1e-3) if optimizer == "sgd"
                   else torch.optim.AdamW(model.parameters(), 3e-3, (0.9, 0.98), 1e-8, 0.05))
            losses = []
            for step in range(STEPS):
                loss = loss_of(model, *batch(name, shape, classes, step % BATCHES))
                opt.zero_grad()
                loss.backward()
                opt.step()
                losses.append(loss.item())
            golden[f"{name}.losses.{optimizer}"] = np.array(losses)
            print(name, optimizer, losses[0], losses[-1])
        if name == "resnet20":
            model.eval()  # with the running statistics that AdamW's 50 steps left
            golden[f"{name}.eval_logits"] = model(x).detach().numpy()
    write_safetensors(Path(folder) / "models.safetensors", golden)
