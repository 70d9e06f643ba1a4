"""Starting workers, and what they say to each other.

``cluster.device`` and ``cluster.launch`` need no MindSpore; ``cluster.worker`` is a rank at work.
"""
