"""One epoch as training reads it, with the defaults of the project and one of its ways of making batches.

python ours.py DATA_DIR planned|bucket_by_sequence_length
"""

import sys

from measured import measure

from trainer.batches.batching import Batching
from trainer.batches.opening import open_epochs
from trainer.batches.order import Order


def batches(folder, method):
    epoch = open_epochs(folder, batching=Batching(method)).open(Order())
    return (features for features, _, _ in epoch)


if __name__ == "__main__":
    measure(lambda: batches(*sys.argv[1:3]))
