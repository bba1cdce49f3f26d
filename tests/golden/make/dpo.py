"""dpo.safetensors, dpo.json: TRL's label-smoothed DPO loss and its gradients, one pair a call, on llama/gqa-tied."""
import math

import torch

from common import ROOT, double_precision, draw_tokens, load_model, pad_right, versions, write_json, write_tensors
from lora import attach_lora, draw_lora, lora_gradients, set_lora
from trl_trainer import interleave, make_trainer, reference_logps, trl_batch, trl_loss

MODEL = "llama/gqa-tied"
WIDTH = 20
PAIRS = [(7, 12, 9), (5, 6, 15)]  # lengths of prompt, chosen, rejected
CASES = [(pair, beta, c) for pair, beta in ((0, 0.1), (1, 0.25)) for c in (1.0, 0.73, 0.5, 0.2)]
FULL_CASE = (0, 0.1, 0.73)


def expected_loss(metrics, c):
    """L = C softplus(-z) + (1 - C) softplus(z), with z the margin: METHOD section 3."""
    z = metrics["rewards/margins"]
    return c * math.log1p(math.exp(-z)) + (1 - c) * math.log1p(math.exp(z))


def run_case(trainer, model, pairs, refs, case):
    pair, beta, c = case
    model.zero_grad()
    loss, metrics = trl_loss(trainer, model, trl_batch([pairs[pair]], refs[pair]), beta, c)
    loss.backward()
    assert abs(loss.item() - expected_loss(metrics, c)) < 1e-12
    row = {"pair": pair, "beta": beta, "c": c, "labelSmoothing": 1 - c, "loss": loss.item(),
           **{key: value for key, value in metrics.items() if not key.startswith("logits/")}}
    squares = [p.grad.square().sum() for p in model.parameters() if p.grad is not None]
    return row | {"gradNorm": torch.stack(squares).sum().sqrt().item()}


def main():
    generator = torch.Generator().manual_seed(2000)
    pairs = [tuple(draw_tokens(generator, n) for n in lengths) for lengths in PAIRS]
    tensors = {}
    with double_precision():
        policy = attach_lora(load_model(ROOT / MODEL))
        policy_lora, reference_lora = (draw_lora(policy, generator, scale_b=0.15) for _ in range(2))
        tensors |= {f"policy.{key}": value for key, value in policy_lora.items()}
        tensors |= {f"reference.{key}": value for key, value in reference_lora.items()}

        set_lora(policy, reference_lora)
        refs = [reference_logps(policy, [pair], WIDTH) for pair in pairs]
        set_lora(policy, policy_lora)
        for index, pair in enumerate(pairs):
            rows, starts, lengths = interleave([pair])
            tensors |= {f"pair{index}.input_ids": pad_right(rows, WIDTH)[0], f"pair{index}.completion_start": torch.tensor(starts),
                        f"pair{index}.length": torch.tensor(lengths), f"pair{index}.ref_logps": refs[index],
                        f"pair{index}.policy_logps": reference_logps(policy, [pair], WIDTH)}

        trainer = make_trainer(policy, beta=0.1)
        cases = []
        for index, case in enumerate(CASES):
            cases.append(run_case(trainer, policy, pairs, refs, case))
            tensors |= {f"case{index}.grad.{key}": grad.clone() for key, grad in lora_gradients(policy).items()}

        # The same pair and reference log-probs, all weights of the base (no adapter) trained.
        base = load_model(ROOT / MODEL)
        full = run_case(make_trainer(base, beta=0.1), base, pairs, refs, FULL_CASE)
        tensors |= {f"full.grad.{name}": parameter.grad for name, parameter in base.named_parameters()}

    write_tensors("dpo.safetensors", tensors)
    write_json("dpo.json", {"versions": versions("torch", "transformers", "trl", "peft"), "model": MODEL,
                            "lora": {"r": 4, "alpha": 8}, "cases": cases, "full": full})
    for case in cases + [full]:
        print({key: round(value, 4) for key, value in case.items()})


if __name__ == "__main__":
    main()
