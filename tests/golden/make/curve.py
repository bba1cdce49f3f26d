"""curve.safetensors, curve.json: ten DPO steps with LoRA on llama/gqa-tied, by TRL's loss and torch's AdamW."""
import math

import torch
from transformers import get_cosine_schedule_with_warmup

from adamw import adamw_groups
from common import ROOT, double_precision, draw_tokens, load_model, pad_right, versions, write_json, write_tensors
from lora import attach_lora, draw_lora, lora_weights, set_lora
from trl_trainer import interleave, make_trainer, reference_logps, trl_batch, trl_loss

MODEL, WIDTH, STEPS, BATCH, BETA = "llama/gqa-tied", 20, 10, 4, 0.1
RATE, WARMUP, MAX_NORM = 5e-3, 2, 1.0
CONSISTENCIES = [1.0, 0.73, 0.5, 0.2, 0.9, 0.65, 0.8, 0.3]  # one per pair
PAIRS = len(CONSISTENCIES)  # two batches, seen five times each


def train(dtype, pairs, weights):
    """Ten steps. Returns per-step rows, the trained adapter and the per-token reference log-probs [2P, T]."""
    model = attach_lora(load_model(ROOT / MODEL, dtype))
    set_lora(model, weights)
    refs = reference_logps(model, pairs, WIDTH)  # the policy at the start of the round, frozen
    trainer = make_trainer(model, BETA)
    trainable = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(adamw_groups(trainable), lr=RATE, betas=(0.9, 0.999), eps=1e-8, foreach=False)
    schedule = get_cosine_schedule_with_warmup(optimizer, num_warmup_steps=WARMUP, num_training_steps=STEPS)
    rows = []
    for step in range(STEPS):
        chosen = step_pairs(step)
        ref = refs.view(len(pairs), 2, WIDTH)[chosen].flatten(0, 1)
        optimizer.zero_grad()
        loss, metrics = trl_loss(trainer, model, trl_batch([pairs[i] for i in chosen], ref), BETA,
                                 torch.tensor([CONSISTENCIES[i] for i in chosen], dtype=dtype))
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_([p for _, p in trainable], MAX_NORM).item()
        rows.append({"step": step, "loss": loss.item(), "gradNorm": norm, "lr": schedule.get_last_lr()[0],
                     **{key: value for key, value in metrics.items() if not key.startswith("logits/")}})
        optimizer.step()
        schedule.step()
    return rows, lora_weights(model), refs


def step_pairs(step):
    return [(step * BATCH + i) % PAIRS for i in range(BATCH)]


def main():
    generator = torch.Generator().manual_seed(6000)
    lengths = torch.randint(4, 11, (PAIRS, 3), generator=generator).tolist()
    pairs = [tuple(draw_tokens(generator, n) for n in row) for row in lengths]
    with double_precision():
        weights = draw_lora(attach_lora(load_model(ROOT / MODEL)), generator, scale_b=0.05)
        rows, trained, refs = train(torch.float64, pairs, weights)
    single, _, _ = train(torch.float32, pairs, weights)

    assert all(abs(row["loss"] - math.log(2)) < 1e-12 for row in rows[:2])  # z = 0, and the first learning rate is 0
    ids, starts, spans = interleave(pairs)
    tensors = {"input_ids": pad_right(ids, WIDTH)[0], "completion_start": torch.tensor(starts), "length": torch.tensor(spans),
               "ref_logps": refs, "pairs": torch.tensor([step_pairs(s) for s in range(STEPS)]),
               "c": torch.tensor(CONSISTENCIES, dtype=torch.float64)}
    tensors |= {f"initial.{key}": value for key, value in weights.items()}
    tensors |= {f"final.{key}": value for key, value in trained.items()}
    write_tensors("curve.safetensors", tensors)
    write_json("curve.json", {
        "versions": versions("torch", "transformers", "trl", "peft"), "model": MODEL, "lora": {"r": 4, "alpha": 8},
        "beta": BETA, "lr": RATE, "betas": [0.9, 0.999], "eps": 1e-8, "weightDecay": 0.01, "maxNorm": MAX_NORM,
        "schedule": "cosine", "warmup": WARMUP, "total": STEPS, "steps": rows,
        "torchFloat32LossError": max(abs(a["loss"] - b["loss"]) for a, b in zip(rows, single)),
    })
    for row, other in zip(rows, single):
        print(row["step"], f"{row['loss']:.6f} {other['loss']:.6f} norm {row['gradNorm']:.3f} lr {row['lr']:.2e} margin {row['rewards/margins']:.4f}")


if __name__ == "__main__":
    main()
