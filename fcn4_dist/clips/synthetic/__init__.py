"""A small made-up music collection: ten procedurally played genres, named as those of GTZAN."""

from fcn4_dist.clips.synthetic.collection import SYNTHETIC, render_clip, write_collection
from fcn4_dist.clips.synthetic.genres import GENRES
from fcn4_dist.clips.synthetic.instruments import SAMPLE_RATE
