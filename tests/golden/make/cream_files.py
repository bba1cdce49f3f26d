"""CREAM's three kinds of file as its reference code writes them: json.dump(..., indent=4). Made-up rows, odd ones on purpose.

Run: python cream_files.py   → ../cream-files/{sampling,rewarding,likelihood,dpo}.json and floats.json
"""
import json
import random
import struct
from pathlib import Path

out = Path(__file__).resolve().parent.parent / "cream-files"
draw = random.Random(7)

# Uuids that look like numbers: a reader that keys by plain objects would put them first.
uuids = ["oasst-b", "12", "3", "arc \"quoted\" \\", "größe-🙂", ""]
prompt = lambda uuid: [{"role": "user", "content": f"Frage {uuid}\n\tWas ist 1 + 1? \u2028\x7f"}]
texts = ["Answer: 2", "", "Zwei — \"2\"\\n", "\u00e9\U0001f600 {[,]}: \"}\""]
said = lambda uuid, text: prompt(uuid) + [{"role": "assistant", "content": text}]


def rewarding(uuid, has_reference):
    score = [-draw.expovariate(0.02) for _ in texts]
    reference = [-draw.expovariate(0.02) if has_reference else 0 for _ in texts]
    row = {"prompt": prompt(uuid), "response": [said(uuid, text) for text in texts], "score": score, "ref_score": reference, "reward": [s - r if has_reference else s for s, r in zip(score, reference)]}
    if uuid == "3":  # fewer responses than others leave nulls
        for key in ("response", "score", "ref_score", "reward"):
            row[key][-1] = None
    return row


files = {
    "sampling": {uuid: {"prompt": prompt(uuid), "responses": [] if uuid == "" else texts} for uuid in uuids},
    "rewarding": {uuid: rewarding(uuid, True) for uuid in uuids},
    "likelihood": {uuid: rewarding(uuid, False) for uuid in uuids},
    "dpo": {uuid: {"prompt": prompt(uuid), "selected": said(uuid, texts[0]), "rejected": said(uuid, texts[3]), "consistency": c} for uuid, c in zip(uuids, [1.0, 0.0, None, 0.7333333333333334, 1e-5, 0.5])},
}
for name, rows in files.items():
    with open(out / f"{name}.json", "w") as file:
        json.dump(rows, file, indent=4)

doubles = [struct.unpack("<d", draw.randbytes(8))[0] for _ in range(300)]
floats = [x for x in doubles if x == x and abs(x) != float("inf")] + [draw.uniform(-1, 1) * 10 ** draw.randint(-20, 20) for _ in range(300)]
floats += [0.0, -0.0, 1.0, -12.0, 1e16, 1e15, 123456789012345680.0, 1e-4, 1e-5, 0.00012345, 1e22, 5e-324, 1.7976931348623157e308, 100.0, 0.1]
(out / "floats.json").write_text(json.dumps([repr(x) for x in floats]) + "\n")
