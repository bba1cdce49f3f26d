"""adamw.safetensors (ten clipped, scheduled steps on recorded gradients) and schedules.json (learning-rate factors)."""
import torch
from transformers import (get_constant_schedule_with_warmup, get_cosine_schedule_with_warmup,
                          get_linear_schedule_with_warmup)

from common import versions, write_json, write_tensors

SHAPES = {"up.weight": (6, 5), "down.weight": (4, 6), "norm.weight": (6,), "up.bias": (6,)}
STEPS, WARMUP, RATE, DECAY, MAX_NORM = 10, 2, 1e-3, 0.01, 1.0
# Gradient scale of each step: norms on both sides of the clipping threshold, and one step of zeros.
SCALES = [0.3, 0.02, 1.0, 0.05, 3.0, 0.1, 0.0, 0.12, 20.0, 0.08]
SCHEDULES = {"constant_with_warmup": get_constant_schedule_with_warmup, "linear": get_linear_schedule_with_warmup,
             "cosine": get_cosine_schedule_with_warmup}


def adamw_groups(named_parameters):
    """Weight decay on matrices, none on norms and biases (1-D), as transformers' Trainer groups them."""
    named = list(named_parameters)
    return [{"params": [p for _, p in named if p.ndim >= 2], "weight_decay": DECAY},
            {"params": [p for _, p in named if p.ndim < 2], "weight_decay": 0.0}]


def make_adamw():
    generator = torch.Generator().manual_seed(3000)
    draw = lambda shape, scale: (torch.randn(shape, generator=generator) * scale).double()  # float32 values, computed in float64
    parameters = {name: torch.nn.Parameter(draw(shape, 0.5)) for name, shape in SHAPES.items()}
    optimizer = torch.optim.AdamW(adamw_groups(parameters.items()), lr=RATE, betas=(0.9, 0.999), eps=1e-8, foreach=False)
    schedule = get_cosine_schedule_with_warmup(optimizer, num_warmup_steps=WARMUP, num_training_steps=STEPS)

    out = {f"initial.{name}": p.detach().float() for name, p in parameters.items()}
    rates, norms = [], []
    for step, scale in enumerate(SCALES):
        for name, p in parameters.items():
            p.grad = draw(p.shape, scale)
            out[f"step{step}.grad.{name}"] = p.grad.float()  # before clipping
        norms.append(torch.nn.utils.clip_grad_norm_(parameters.values(), MAX_NORM).item())
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
        for name, p in parameters.items():
            out[f"step{step}.param.{name}"] = p.detach().clone()
    for name, p in parameters.items():
        out[f"final.m.{name}"] = optimizer.state[p]["exp_avg"]
        out[f"final.v.{name}"] = optimizer.state[p]["exp_avg_sq"]
    out["lr"], out["norm"] = torch.tensor(rates, dtype=torch.float64), torch.tensor(norms, dtype=torch.float64)
    assert sum(norm > MAX_NORM for norm in norms) >= 3 and sum(norm < MAX_NORM for norm in norms) >= 3
    write_tensors("adamw.safetensors", out)
    write_json("adamw.json", {
        "versions": versions("torch", "transformers"), "steps": STEPS, "lr": RATE, "betas": [0.9, 0.999], "eps": 1e-8,
        "maxNorm": MAX_NORM, "schedule": "cosine", "warmup": WARMUP,
        "weightDecay": {name: DECAY if len(shape) >= 2 else 0.0 for name, shape in SHAPES.items()},
    })
    print("adamw lr", [f"{r:.2e}" for r in rates], "norm", [f"{n:.2f}" for n in norms])


def make_schedules():
    cases = []
    for kind, build in SCHEDULES.items():
        for warmup, total in [(0, 1), (0, 10), (1, 1), (1, 7), (2, 10), (5, 5), (10, 100), (3, 31)]:
            optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
            schedule = (build(optimizer, num_warmup_steps=warmup) if kind == "constant_with_warmup"
                        else build(optimizer, num_warmup_steps=warmup, num_training_steps=total))
            factors = []
            for _ in range(total):
                factors.append(schedule.get_last_lr()[0])
                optimizer.step()
                schedule.step()
            cases.append({"kind": kind, "warmup": warmup, "total": total, "factors": factors})
    write_json("schedules.json", {"versions": versions("torch", "transformers"), "cases": cases})


if __name__ == "__main__":
    make_adamw()
    make_schedules()
