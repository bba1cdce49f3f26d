"""Logits of exported folders, loaded by transformers (merged) and peft (adapter over its base). After `node exports.ts FOLDER`.

Run: python exports.py FOLDER   → ../exports.json: per model the ids, the last rows of logits, and the sha256 of merged and adapter weights.
"""
import json
import sys
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

torch.set_num_threads(1)
folder, goldens = Path(sys.argv[1]), Path(__file__).resolve().parent.parent
IDS = [[3 + (t * 37 + row * 11) % 92 for t in range(24)] for row in range(2)]
ROWS = 3

found = {}
for name, shas in json.loads((folder / "made.json").read_text()).items():
    at = name.replace("/", "-")

    def logits(model):
        model.eval()
        with torch.no_grad():
            return model(torch.tensor(IDS)).logits[:, -ROWS:].float()

    options = {"dtype": torch.float32, "attn_implementation": "eager"}
    merged = logits(AutoModelForCausalLM.from_pretrained(folder / f"{at}-merged", **options))
    base = AutoModelForCausalLM.from_pretrained(goldens / name, **options)
    adapted = logits(PeftModel.from_pretrained(base, folder / f"{at}-peft"))
    delta = (merged - adapted).abs().max().item()
    assert delta < 1e-4, (name, delta)
    found[name] = {**shas, "logits": [[float(f"{x:.7g}") for x in row] for row in merged.reshape(-1, merged.shape[-1]).tolist()]}
    print(name, float(merged.abs().max()))

(goldens / "exports.json").write_text(json.dumps({"ids": IDS, "rows": ROWS, "models": found}) + "\n")
