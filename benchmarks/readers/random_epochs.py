"""Epochs of random batches, for comparison: any records, in any order, padded to the longest of the batch or of all.

The records are held in memory and parsed as the project parses them, so that nothing differs but the batches.
"""

import numpy as np
import tensorflow as tf

from schemas.manifest import load_manifest
from schemas.spec import TRAIN, leaders
from trainer.batches.layout import Layout
from trainer.batches.parsing import BatchParser
from trainer.batches.source import SplitSource


class RandomEpochs:
    """Epochs over the training split of a data set in random batches of nearly equal size.

    Attributes:
      steps: Batches of an epoch.
      examples: Records of an epoch.
    """

    def __init__(self, folder: str, steps: int = 0, size: int = 64, to_longest: bool = False) -> None:
        """Reads all records.

        Args:
          folder: Of the data set.
          steps: Batches of an epoch; 0: as many as `size` makes.
          size: Records of a batch.
          to_longest: Whether every batch is padded to the longest record of the split.
        """
        manifest = load_manifest(folder)
        self.source = SplitSource(folder, manifest, TRAIN)
        self.examples = self.source.records
        self.steps = steps or -(-self.examples // size)
        blocks = tf.data.TFRecordDataset(self.source.paths).batch(4_096)
        self._records = tf.concat(list(blocks), axis=0)
        widths = {}
        if to_longest:
            lengths = manifest.statistics[TRAIN].lengths
            # One bucket is all there is.
            widths = {name: [max(lengths[name].lengths)] for name in leaders(manifest.spec)}
        self._parse = BatchParser(manifest, self.examples / self.steps, with_ids=False, layout=Layout(widths=widths))

    def open(self, seed: int, epoch: int) -> tf.data.Dataset:
        """Returns an epoch of (features, label, weight); another one has other batches."""
        order = np.random.default_rng([seed, epoch]).permutation(self.examples)
        ends = np.cumsum([len(part) for part in np.array_split(order, self.steps)])
        places = tf.constant(order)

        def batch(start: tf.Tensor, stop: tf.Tensor) -> object:
            records = tf.gather(self._records, places[start:stop])
            return self._parse(tf.ensure_shape(records, [None]), tf.constant(0, tf.int64))

        bounds = tf.data.Dataset.from_tensor_slices((np.append(0, ends[:-1]), ends))
        return bounds.map(batch, tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)
