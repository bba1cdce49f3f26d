"""llama/<name>/: tiny Llama folders as transformers saves them, an adapter as PEFT saves it, and golden.safetensors."""
import json
import shutil

import torch
from peft import get_peft_model_state_dict
from transformers import LlamaConfig, LlamaForCausalLM

from common import (PAD, ROOT, VOCAB, completion_mask, double_precision, draw_tokens, load_model, pad_right,
                    per_token_logps, versions, write_json, write_tensors)
from lora import attach_lora, draw_lora, lora_config, lora_gradients, set_lora

SHARED = dict(vocab_size=VOCAB, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
              num_key_value_heads=2, max_position_embeddings=128, rms_norm_eps=1e-5, rope_theta=10000.0,
              bos_token_id=1, eos_token_id=2, pad_token_id=PAD, attention_bias=False, tie_word_embeddings=False)
CONFIGS = {
    "gqa-tied": dict(tie_word_embeddings=True),
    "mha-untied": dict(num_key_value_heads=4),
    "gqa-biased": dict(attention_bias=True),
    # Head size 16 gives wavelengths 6.3, 19.9, 62.8, ...: one kept, one blended, the rest divided by 8. One KV head (MQA).
    "llama3-rope": dict(num_attention_heads=2, num_key_value_heads=1,
                        rope_scaling=dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                          original_max_position_embeddings=32)),
    "headdim": dict(head_dim=16),
}
LENGTH, COMPLETION_START = [24, 17], [9, 6]


def draw_model(overrides, generator):
    """Weights large enough that logits have a spread of a few nats; norms around 1; biases non-zero."""
    model = LlamaForCausalLM(LlamaConfig(**{**SHARED, **overrides}))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in name:
                parameter.copy_(1 + 0.2 * noise)
            elif name.endswith("bias"):
                parameter.copy_(0.3 * noise)
            elif "embed_tokens" in name or "lm_head" in name:
                parameter.copy_(0.5 * noise)
            else:
                parameter.copy_(1.5 * parameter.shape[1] ** -0.5 * noise)
    return model


def save_adapter(folder, weights):
    """adapter_config.json and adapter_model.safetensors, without the README that save_pretrained adds."""
    config = lora_config()
    config.inference_mode = True
    config.save_pretrained(ROOT / folder)
    path = ROOT / folder / "adapter_config.json"
    value = json.loads(path.read_text())
    value["target_modules"].sort()  # a set: its order differs between processes
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")
    write_tensors(f"{folder}/adapter_model.safetensors", weights)


def evaluate(model, ids, attention, mask):
    """(logits, per-token logps, loss = sum of the completions' negative log-likelihoods), gradients left on the model."""
    model.zero_grad()
    logits = model(input_ids=ids, attention_mask=attention).logits
    logps = per_token_logps(logits, ids, mask)
    loss = -logps.sum()
    loss.backward()
    # Positions of padding hold nothing meaningful: zero, so that nobody compares them by accident.
    return logits.detach() * attention[..., None], logps.detach(), loss.detach()


def gradients(model):
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


def relative(approximate, exact):
    """max |a - e| / max |e|."""
    return ((approximate.double() - exact).abs().max() / exact.abs().max()).item()


def compute(folder, dtype, ids, attention, mask, weights):
    model = load_model(folder, dtype)
    logits, logps, loss = evaluate(model, ids, attention, mask)
    golden = {"logits": logits, "logps": logps, "loss": loss}
    golden |= {f"grad.{name}": grad for name, grad in gradients(model).items()}
    peft_model = attach_lora(model)
    set_lora(peft_model, weights)
    logits, logps, loss = evaluate(peft_model, ids, attention, mask)
    golden |= {"lora.logits": logits, "lora.logps": logps, "lora.loss": loss}
    return golden | {f"lora_grad.{key}": grad.clone() for key, grad in lora_gradients(peft_model).items()}


def make(name, overrides, seed):
    generator = torch.Generator().manual_seed(seed)
    folder = f"llama/{name}"
    shutil.rmtree(ROOT / folder, ignore_errors=True)
    model = draw_model(overrides, generator)
    model.save_pretrained(ROOT / folder, safe_serialization=True)
    (ROOT / folder / "generation_config.json").unlink()
    weights = draw_lora(attach_lora(model), generator, scale_b=0.2)
    save_adapter(f"{folder}/adapter", weights)

    rows = [draw_tokens(generator, length) for length in LENGTH]
    ids, attention = pad_right(rows)
    mask = completion_mask(COMPLETION_START, LENGTH, ids.shape[1])
    with double_precision():
        golden = compute(ROOT / folder, torch.float64, ids, attention, mask, weights)
        alone = load_model(ROOT / folder)(input_ids=torch.tensor(rows[1:])).logits[0].detach()
    # Padding must not matter: the shorter row alone gives the same logits.
    assert torch.allclose(golden["logits"][1, :LENGTH[1]], alone, atol=1e-12, rtol=0)
    assert all(value.abs().max() > 0 for value in golden.values()), "a golden value that is zero proves nothing"

    single = compute(ROOT / folder, torch.float32, ids, attention, mask, weights)
    float32_error = {key: relative(single[key], golden[key]) for key in ("logits", "logps", "loss", "lora.logits", "lora.loss")}
    for family in ("grad.", "lora_grad."):
        float32_error[f"worst {family}*"] = max(relative(single[key], golden[key]) for key in golden if key.startswith(family))

    inputs = {"input_ids": ids, "length": torch.tensor(LENGTH), "completion_start": torch.tensor(COMPLETION_START)}
    write_tensors(f"{folder}/golden.safetensors", inputs | golden)
    write_json(f"{folder}/golden.json", {
        "versions": versions("torch", "transformers", "peft", "safetensors"), "seed": seed,
        "loss": golden["loss"].item(), "loraLoss": golden["lora.loss"].item(),
        "torchFloat32RelativeError": float32_error,
    })
    print(name, "loss", round(golden["loss"].item(), 4), "lora", round(golden["lora.loss"].item(), 4),
          "logit sd", round(golden["logits"][0].std().item(), 2), {k: f"{v:.1e}" for k, v in float32_error.items()})


if __name__ == "__main__":
    for index, (name, overrides) in enumerate(CONFIGS.items()):
        make(name, overrides, seed=1000 + index)
