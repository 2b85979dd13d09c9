"""Hugging Face datasets and tokenizers: compiled tokenisation, one process per core.

    python hf_datasets.py IN.jsonl OUT_DIR

Stands for what people who train in PyTorch use. Writes an Arrow data set sorted by length, and the
length histogram; no TFRecords, so it is spared their framing.
"""

import collections
import json
import os
import sys
from pathlib import Path

from datasets import load_dataset
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

TOP_K = 50_000


def train_tokenizer(dataset):
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordLevelTrainer(vocab_size=TOP_K + 2, special_tokens=["[PAD]", "[UNK]"], show_progress=False)
    tokenizer.train_from_iterator((batch["text"] for batch in dataset.iter(1_000)), trainer)
    return tokenizer


def main(source, output):
    dataset = load_dataset("json", data_files=source, split="train", cache_dir=f"{output}/cache")
    tokenizer = train_tokenizer(dataset)

    def encode(batch):
        ids = [encoding.ids for encoding in tokenizer.encode_batch(batch["text"], add_special_tokens=False)]
        return {"tokens": ids, "length": [len(tokens) for tokens in ids]}

    dataset = dataset.map(encode, batched=True, num_proc=os.cpu_count(), remove_columns=["id", "text"])
    lengths = collections.Counter(dataset.with_format("numpy")["length"][:].tolist())
    Path(output, "lengths.json").write_text(json.dumps(sorted(lengths.items())))
    dataset.sort("length").save_to_disk(f"{output}/examples")


if __name__ == "__main__":
    Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
    main(sys.argv[1], sys.argv[2])
