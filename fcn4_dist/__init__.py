"""Distributed training of FCN-4 music taggers with MindSpore on Ascend cards.

The rooms of the package, in the order the data passes through them: ``config``, ``clips``,
``audio``, ``records``, ``pipeline``, ``model``, ``training``, ``checkpoints``, ``evaluation``;
``cluster`` starts the workers and lets them talk, ``jobs`` puts the rooms together, ``cli`` is the
command line.
"""

__version__ = "0.1.0"
