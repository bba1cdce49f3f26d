"""greedy/: greedy continuations by transformers' generate, for two tiny Llamas and for stories260K (if it is there)."""
import os
import pathlib

import torch
from tokenizers import Tokenizer

from common import ROOT, double_precision, draw_tokens, load_model, versions, write_json

STORIES = pathlib.Path(os.environ.get("STORIES260K", ROOT.parents[2] / "shared/assets/models/stories260K"))
TEXTS = ["Once upon a time,", "Lily and Ben went to the park. They saw", "The dog was sad because", "\"Mom, can I have a cookie?\" asked Tim."]


def continue_greedily(model, prompt, count, eos):
    """(new ids, smallest gap in nats between the best and the second-best token on the way)."""
    ids = torch.tensor([prompt])
    result = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=count, eos_token_id=eos,
                            pad_token_id=0, return_dict_in_generate=True, output_logits=True)
    best = torch.stack(result.logits).squeeze(1).topk(2).values
    return result.sequences[0, len(prompt):].tolist(), (best[:, 0] - best[:, 1]).min().item()


def continue_checked(folder, prompts, count, eos):
    """Greedy rows in float64, each confirmed by plain float32 (so that no near-tie decides)."""
    with double_precision():
        exact = load_model(folder).eval()
        rows = [continue_greedily(exact, prompt, count, eos) for prompt in prompts]
    single = load_model(folder, torch.float32).eval()
    for prompt, (ids, margin) in zip(prompts, rows):
        assert margin > 1e-3, f"near-tie ({margin}): choose another seed"
        assert continue_greedily(single, prompt, count, eos)[0] == ids
    return rows


def make_tiny(name, seed):
    generator = torch.Generator().manual_seed(seed)
    prompts = [[1] + draw_tokens(generator, n) for n in (3, 8, 17)]
    rows = continue_checked(ROOT / "llama" / name, prompts, 48, eos=None)
    cases = [{"prompt": prompt, "completion": ids, "minMargin": margin} for prompt, (ids, margin) in zip(prompts, rows)]
    write_json(f"greedy/{name}.json", {"versions": versions("torch", "transformers"), "model": f"llama/{name}", "cases": cases})
    print(name, [(len(set(ids)), round(margin, 4)) for ids, margin in rows])


def make_stories():
    tokenizer = Tokenizer.from_file(str(STORIES / "tokenizer.json"))
    prompts = [tokenizer.encode(text).ids for text in TEXTS]  # its post-processor puts <s> first
    cases = []
    for text, prompt, (ids, margin) in zip(TEXTS, prompts, continue_checked(STORIES, prompts, 64, eos=2)):
        cases.append({"text": text, "prompt": prompt, "completion": ids, "stoppedBy": "eos" if ids[-1] == 2 else "length",
                      "completionText": tokenizer.decode(ids), "fullText": tokenizer.decode(prompt + ids), "minMargin": margin})
        print(repr(cases[-1]["fullText"]), cases[-1]["stoppedBy"], round(margin, 4))
    write_json("greedy/stories260K-greedy.json", {"versions": versions("torch", "transformers", "tokenizers"),
                                                  "model": "stories260K", "maxNewTokens": 64, "eos": 2, "cases": cases})


if __name__ == "__main__":
    make_tiny("gqa-tied", seed=5000)
    make_tiny("llama3-rope", seed=5001)
    if STORIES.exists():
        make_stories()
    else:
        print(f"no model at {STORIES} (set STORIES260K): greedy/stories260K-greedy.json is left as it is")
