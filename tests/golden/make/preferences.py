"""Our preference JSONL through TRL's own loader. After `node preferences.ts FOLDER`.

Run: python preferences.py FOLDER   → ../preferences.json: each file's content, its columns, its form as TRL sees it, and the
token ids that DPOTrainer makes of every row (a word-level tokenizer over the rows' own words; its template is ChatML).
"""
import json
import re
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from datasets import load_dataset
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer
from trl.data_utils import is_conversational

TEMPLATE = ("{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
            "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")
WORDS = r"<\|im_\w+\|>|\w+|\s|[^\w\s]"

folder, goldens = Path(sys.argv[1]), Path(__file__).resolve().parent.parent
contents = {name: (folder / name).read_text() for name in ("standard.jsonl", "conversational.jsonl")}
texts = [json.dumps(json.loads(line), ensure_ascii=False) for text in contents.values() for line in text.splitlines()]
words = sorted({word for text in [*contents.values(), *texts, "assistant user system \n \\"] for word in re.findall(WORDS, text.replace("\\n", "\n").replace('\\"', '"'))})
tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(["<unk>", "<pad>", "<eos>", *words])}, unk_token="<unk>"))
tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(WORDS), "isolated")
processing = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>", eos_token="<eos>", chat_template=TEMPLATE)

files = {}
for name, content in contents.items():
    dataset = load_dataset("json", data_files=str(folder / name), split="train", cache_dir=tempfile.mkdtemp())
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(processing), hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1))
    arguments = DPOConfig(output_dir=tempfile.mkdtemp(), use_cpu=True, bf16=False, gradient_checkpointing=False, report_to=[], disable_tqdm=True, per_device_train_batch_size=1, max_steps=1, save_strategy="no")
    trainer = DPOTrainer(model=model, args=arguments, train_dataset=dataset, processing_class=processing)
    rows = [{key: row[key] for key in ("prompt_input_ids", "chosen_input_ids", "rejected_input_ids")} for row in trainer.train_dataset]
    assert not any(0 in ids for row in rows for ids in row.values()), (name, rows)
    trainer.train()  # one step: the collator and the loss take the rows too
    files[name] = {"content": content, "rows": len(dataset), "columns": sorted(dataset.column_names), "conversational": bool(is_conversational(dataset[0])), "tokens": rows}
    print(name, len(dataset), files[name]["conversational"], [len(row["prompt_input_ids"]) for row in rows])

both = [[row["prompt_input_ids"] for row in files[name]["tokens"]] for name in contents]
assert both[0] == both[1], "the two forms are one prompt to TRL"
(goldens / "preferences.json").write_text(json.dumps({"versions": {name: version(name) for name in ("trl", "datasets", "transformers")}, "files": files}, ensure_ascii=False) + "\n")
