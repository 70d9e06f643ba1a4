"""Starting workers, and what they say to each other.

``cluster.device`` and ``cluster.launch`` need no MindSpore; ``cluster.ranks`` are ranks at work.
"""
