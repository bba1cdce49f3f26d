"""halves/<name>.safetensors and .json: what models compute whose matrices were rounded to fp16, all arithmetic in float64.

The models are those of llama/ and families/ and lie there; only the rounded weights differ, and they lie nowhere.
"""
import json
import shutil
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from common import ROOT, completion_mask, double_precision, load_model, pad_right, versions, write_json, write_tensors
from families import split_twin
from greedy import continue_checked
from llama import COMPLETION_START, LENGTH, compute, relative

MODELS = ["llama/gqa-tied", "llama/gqa-biased", "families/gemma2", "families/phi3-window"]
PROMPTS = {"gqa-tied": "greedy/gqa-tied.json", "gemma2": "families/gemma2/greedy.json"}  # phi3 comes to a near-tie in its text


def rounded(folder, target):
    """The same model with every matrix (and no vector) rounded to fp16 and stored as float32 again."""
    shutil.copy(ROOT / folder / "config.json", target)
    tensors = load_file(ROOT / folder / "model.safetensors")
    halves = {name: value.half().float() if value.dim() == 2 else value for name, value in tensors.items()}
    assert any((halves[name] != tensors[name]).any() for name in tensors), "a model that rounding leaves alone proves nothing"
    save_file({name: value.contiguous() for name, value in halves.items()}, f"{target}/model.safetensors", metadata={"format": "pt"})
    return target


def make(folder):
    name = folder.split("/")[1]
    known = load_file(ROOT / folder / "golden.safetensors")
    rows = [row[:length].tolist() for row, length in zip(known["input_ids"], LENGTH)]
    ids, attention = pad_right(rows)
    mask = completion_mask(COMPLETION_START, LENGTH, ids.shape[1])
    adapter = load_file(ROOT / folder / "adapter" / "adapter_model.safetensors")
    prompts = [case["prompt"] for case in json.loads((ROOT / PROMPTS[name]).read_text())["cases"]] if name in PROMPTS else []
    with tempfile.TemporaryDirectory() as own, tempfile.TemporaryDirectory() as twin:
        rounded(folder, own)
        adapted = split_twin(own, twin) if name.startswith("phi3") else own
        with double_precision():
            golden = compute(adapted, torch.float64, ids, attention, mask, adapter)
            alone = load_model(own)(input_ids=torch.tensor(rows[1:])).logits[0].detach()
        assert torch.allclose(golden["logits"][1, :LENGTH[1]], alone, atol=1e-12, rtol=0)
        texts = continue_checked(Path(own), prompts, 48, eos=None)
    golden = {key: value for key, value in golden.items() if not key.startswith("grad.")}
    effect = {key: relative(golden[key], known[key].double()) for key in ("logits", "logps", "lora.logps")}
    inputs = {key: known[key] for key in ("input_ids", "length", "completion_start")}
    write_tensors(f"halves/{name}.safetensors", inputs | golden)
    write_json(f"halves/{name}.json", {
        "versions": versions("torch", "transformers", "peft", "safetensors"), "model": folder,
        "roundingMoves": effect,
        "cases": [{"prompt": prompt, "completion": ids, "minMargin": margin} for prompt, (ids, margin) in zip(prompts, texts)],
    })
    print(name, {key: f"{value:.1e}" for key, value in effect.items()}, [round(margin, 4) for _, margin in texts])


if __name__ == "__main__":
    for folder in MODELS:
        make(folder)
