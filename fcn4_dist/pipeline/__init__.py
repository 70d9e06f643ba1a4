"""From shards to the batches of one rank of N, and to the windows of clips."""

from fcn4_dist.pipeline.order import evaluation_batches, partner_batches, training_batches
from fcn4_dist.pipeline.reading import Batch, pad_batch, read_batches
from fcn4_dist.pipeline.windows import Windowing
