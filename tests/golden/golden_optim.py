"""Optimizers and schedules in PyTorch's words: parameters after each of some steps, rates of steps.

Parameters and gradients are drawn as in golden_models.py, so only results are stored. Lion, which
PyTorch lacks, is written down from the paper (Chen et al. 2023, algorithm 2).
"""
import numpy as np
import torch
from golden_models import uniforms

STEPS = 12
SHAPES = {"a": (7,), "b": (3, 5)}


class Lion(torch.optim.Optimizer):
    def __init__(self, params, lr, betas, weight_decay):
        super().__init__(params, {"lr": lr, "betas": betas, "wd": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            lr, (beta1, beta2), wd = group["lr"], group["betas"], group["wd"]
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                update = torch.sign(m * beta1 + p.grad * (1 - beta1))
                p -= lr * (update + wd * p)
                m.copy_(m * beta2 + p.grad * (1 - beta2))


OPTIMIZERS = {
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
    "rmsprop_momentum": lambda p: torch.optim.RMSprop(p, lr=0.02, alpha=0.9, eps=1e-6, weight_decay=0.05, momentum=0.8),
    "rmsprop_centered": lambda p: torch.optim.RMSprop(p, lr=0.02, alpha=0.8, centered=True),
    "rmsprop_all": lambda p: torch.optim.RMSprop(p, lr=0.02, alpha=0.7, weight_decay=0.1, momentum=0.5, centered=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1),
    "adagrad_all": lambda p: torch.optim.Adagrad(p, lr=0.1, lr_decay=0.2, weight_decay=0.05, initial_accumulator_value=0.3, eps=1e-4),
    "lion": lambda p: Lion(p, 0.03, (0.9, 0.99), 0.0),
    "lion_all": lambda p: Lion(p, 0.03, (0.8, 0.95), 0.2),
    "groups_sgd": lambda p: torch.optim.SGD([{"params": p[:1], "momentum": 0.8, "weight_decay": 0.1}, {"params": p[1:], "lr": 0.02}], lr=0.1),
    "groups_adamw": lambda p: torch.optim.AdamW([{"params": p[:1]}, {"params": p[1:], "weight_decay": 0, "lr": 0.002, "betas": (0.8, 0.9)}], lr=0.01, weight_decay=0.3),
    "groups_scheduled": lambda p: torch.optim.SGD([{"params": p[:1]}, {"params": p[1:], "lr": 0.02}], lr=0.1),
    "clip_value": lambda p: torch.optim.SGD(p, lr=0.5),
}


def make_optim(folder, write_safetensors):
    golden = {}
    for name, make in OPTIMIZERS.items():
        params = [torch.from_numpy(2 * uniforms(k, int(np.prod(s))).reshape(s) - 1).requires_grad_()
                  for k, s in SHAPES.items()]
        optimizer = make(params)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.5)
        after = []
        for step in range(1, STEPS + 1):
            for p, (k, s) in zip(params, SHAPES.items()):
                p.grad = torch.from_numpy(2 * uniforms(f"{k}.grad.{step}", int(np.prod(s))).reshape(s) - 1)
            if name == "clip_value":
                torch.nn.utils.clip_grad_value_(params, 0.25)
            optimizer.step()
            if name == "groups_scheduled":
                schedule.step()
            after.append(torch.cat([p.detach().flatten() for p in params]).numpy())
        golden[name] = np.stack(after)

    def rates(make, steps, losses=None):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
        schedule = make(optimizer)
        found = []
        for i in range(steps):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step(*([losses[i]] if losses is not None else []))
        return np.array(found)

    s = torch.optim.lr_scheduler
    golden["schedule.step"] = rates(lambda o: s.StepLR(o, 4, 0.3), 15)
    golden["schedule.multi_step"] = rates(lambda o: s.MultiStepLR(o, [3, 3, 8], 0.5), 15)
    golden["schedule.exponential"] = rates(lambda o: s.ExponentialLR(o, 0.9), 15)
    golden["schedule.cosine"] = rates(lambda o: s.CosineAnnealingLR(o, 14, 0.02), 15)
    golden["schedule.one_cycle"] = rates(lambda o: s.OneCycleLR(o, 0.4, total_steps=21, cycle_momentum=False), 20)
    golden["schedule.one_cycle_all"] = rates(
        lambda o: s.OneCycleLR(o, 0.4, total_steps=16, pct_start=0.6, div_factor=10, final_div_factor=50, cycle_momentum=False), 15)
    losses = 1 + np.round(uniforms("losses", 40), 2) - 0.01 * np.arange(40)
    golden["plateau.losses"] = losses
    golden["schedule.plateau"] = rates(lambda o: s.ReduceLROnPlateau(o, factor=0.5, patience=2, min_lr=0.03), 40, losses)
    write_safetensors(folder / "optim.safetensors", golden)
