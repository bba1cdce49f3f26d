"""families/<name>/: one tiny model (or two) of every other family, in llama/'s form, with greedy text.

Beside Llama's own variants these have sliding windows shorter than the text, YaRN, linear and dynamic RoPE, head sizes
that are not hidden / heads, per-head norms, soft-caps, and projections stored as one (Phi-3).
"""
import json
import shutil
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, MistralConfig

from common import (PAD, ROOT, VOCAB, completion_mask, double_precision, draw_tokens, load_model, pad_right, versions,
                    write_json, write_tensors)
from greedy import continue_checked
from llama import COMPLETION_START, LENGTH, compute, evaluate, gradients, relative, save_adapter
from lora import attach_lora, draw_lora

SHARED = dict(vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
              num_key_value_heads=2, max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=PAD)
CONFIGS = {
    "mistral-window": dict(model_type="mistral", sliding_window=7, head_dim=16),
    "qwen2-tied": dict(model_type="qwen2", tie_word_embeddings=True),
    # Layer 0 sees everything, layer 1 six tokens. Head size 16 and original 32: pairs 0 and 1 keep their frequency in part.
    "qwen2-yarn": dict(model_type="qwen2", num_attention_heads=2, num_key_value_heads=1, use_sliding_window=True, sliding_window=6, max_window_layers=1,
                       rope_scaling=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=32, beta_fast=4.0)),
    "qwen3-headdim": dict(model_type="qwen3", head_dim=16, eos_token_id=[2, 5],
                          rope_scaling=dict(rope_type="dynamic", factor=2.0)),
    # Caps low enough to bend scores and logits; local, global.
    "gemma2": dict(model_type="gemma2", head_dim=16, query_pre_attn_scalar=12, sliding_window=6, attn_logit_softcapping=4.0,
                   final_logit_softcapping=6.0),
    # Local, local, global; each with a base of its own, the global one stretched.
    "gemma3": dict(model_type="gemma3_text", num_hidden_layers=3, num_key_value_heads=1, head_dim=16, query_pre_attn_scalar=20, sliding_window=5, sliding_window_pattern=3,
                   rope_theta=50000.0, rope_local_base_freq=100.0, rope_scaling=dict(rope_type="linear", factor=8.0)),
    "phi3-window": dict(model_type="phi3", sliding_window=9),
}
SEEDS = {"gemma2": 7034, "gemma3": 7015}  # where the first ones come to near-ties in greedy text
FUSED = {"qkv_proj": ["q_proj", "k_proj", "v_proj"], "gate_up_proj": ["gate_proj", "up_proj"]}


def draw_model(settings, generator):
    """As llama.draw_model. Gemma's norms multiply by 1 + w, so they are drawn around 0; its embeddings, times √D and tied to
    the head, are drawn small, or every token would predict itself, and its last norm around 9, to spread the logits again."""
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**{**SHARED, **settings}))
    is_gemma = settings["model_type"].startswith("gemma")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in name:
                parameter.copy_((1 if not is_gemma else 9 if name == "model.norm.weight" else 0) + 0.2 * noise)
            elif name.endswith("bias"):
                parameter.copy_(0.3 * noise)
            elif "embed_tokens" in name or "lm_head" in name:
                parameter.copy_((0.05 if is_gemma else 0.5) * noise)
            else:
                parameter.copy_(1.5 * parameter.shape[1] ** -0.5 * noise)
    return model


def split_fused(config, tensors):
    """The same tensors, with Phi-3's fused projections (or their gradients) cut into their parts' rows."""
    head = config.hidden_size // config.num_attention_heads
    rows = {"q_proj": config.num_attention_heads * head, "k_proj": config.num_key_value_heads * head, "v_proj": config.num_key_value_heads * head,
            "gate_proj": config.intermediate_size, "up_proj": config.intermediate_size}
    parts = {}
    for name, tensor in tensors.items():
        fused = next((one for one in FUSED if f".{one}." in name), None)
        if fused is None:
            parts[name] = tensor
            continue
        names = FUSED[fused]
        for part, piece in zip(names, tensor.split([rows[one] for one in names])):
            parts[name.replace(fused, part)] = piece.contiguous()
    return parts


def split_twin(folder, scratch):
    """A Mistral that computes what this Phi-3 computes: PEFT then adapts q, k, v, gate and up one by one, as Creamery does."""
    config = AutoConfig.from_pretrained(folder)
    kept = {key: getattr(config, key) for key in (*SHARED, "sliding_window", "rms_norm_eps", "rope_theta", "tie_word_embeddings")}
    MistralConfig(architectures=["MistralForCausalLM"], **kept).save_pretrained(scratch)
    save_file(split_fused(config, load_file(f"{folder}/model.safetensors")), f"{scratch}/model.safetensors", metadata={"format": "pt"})
    return scratch


def make(name, settings, seed):
    generator = torch.Generator().manual_seed(seed)
    folder = f"families/{name}"
    shutil.rmtree(ROOT / folder, ignore_errors=True)
    model = draw_model(settings, generator)
    model.save_pretrained(ROOT / folder, safe_serialization=True)
    (ROOT / folder / "generation_config.json").unlink()

    rows = [draw_tokens(generator, length) for length in LENGTH]
    ids, attention = pad_right(rows)
    mask = completion_mask(COMPLETION_START, LENGTH, ids.shape[1])
    with tempfile.TemporaryDirectory() as scratch:
        adapted = split_twin(ROOT / folder, scratch) if settings["model_type"] == "phi3" else ROOT / folder
        weights = draw_lora(attach_lora(load_model(adapted, torch.float32)), generator, scale_b=0.2)
        with double_precision():
            golden = compute(adapted, torch.float64, ids, attention, mask, weights)
            own = load_model(ROOT / folder)
            logits, _, _ = evaluate(own, ids, attention, mask)
            own_gradients = split_fused(own.config, gradients(own))
            alone = own(input_ids=torch.tensor(rows[1:])).logits[0].detach()
        single = compute(adapted, torch.float32, ids, attention, mask, weights)
    # The family's own code says what is right; padding must not matter.
    assert torch.allclose(golden["logits"], logits, atol=1e-12, rtol=0)
    assert all(relative(golden[f"grad.{key}"], value) < 1e-12 for key, value in own_gradients.items())
    assert len(own_gradients) == sum(key.startswith("grad.") for key in golden)
    assert torch.allclose(golden["logits"][1, :LENGTH[1]], alone, atol=1e-12, rtol=0)
    assert all(value.abs().max() > 0 for value in golden.values()), "a golden value that is zero proves nothing"
    save_adapter(f"{folder}/adapter", weights)

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

    prompts = [[1] + draw_tokens(generator, n) for n in (3, 8, 17)]
    texts = continue_checked(ROOT / folder, prompts, 48, eos=None)
    cases = [{"prompt": prompt, "completion": ids, "minMargin": margin} for prompt, (ids, margin) in zip(prompts, texts)]
    write_json(f"{folder}/greedy.json", {"cases": cases})
    print(name, "loss", round(golden["loss"].item(), 4), "lora", round(golden["lora.loss"].item(), 4),
          "logit sd", round(golden["logits"][0].std().item(), 2), {k: f"{v:.1e}" for k, v in float32_error.items()},
          [(len(set(ids)), round(margin, 4)) for ids, margin in texts])


if __name__ == "__main__":
    wanted = sys.argv[1:] or list(CONFIGS)
    for index, (name, settings) in enumerate(CONFIGS.items()):
        if name in wanted:
            make(name, settings, seed=SEEDS.get(name, 7000 + index))
