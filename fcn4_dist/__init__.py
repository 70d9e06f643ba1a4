"""Distributed training of FCN-4 music taggers with MindSpore on Ascend cards.

The rooms of the package, in the order the data passes through them: ``config``, ``clips``,
``audio``, ``records``, ``pipeline``, ``model``, ``training``, ``checkpoints``, ``evaluation``;
``tagging``, ``export`` and ``reports`` are what people take away; ``cluster`` starts the workers
and lets them talk, ``jobs`` puts the rooms together, ``cli`` is the command line.
"""

import os

__version__ = "0.1.0"


def top_tags(
    song: str | os.PathLike[str],
    model: str | os.PathLike[str],
    top_n: int = 5,
    class_names: str = "",
) -> list[tuple[str, float]]:
    """Tag a song.

    For many songs, load the network once (:func:`fcn4_dist.tagging.load_network`) and give it to a
    :class:`fcn4_dist.tagging.Tagger`.

    Args:
        song: An audio file of any length and any format librosa reads.
        model: A checkpoint, a folder of checkpoints (its best one, or else its last), or an ONNX
            file that ``fcn4-dist export`` wrote, which needs no MindSpore.
        top_n: How many tags to give.
        class_names: For a checkpoint that does not name its classes, what ``tag --class_names``
            takes: "gtzan" or "magnatagatune" for the ModelZoo's, or the names with commas between.

    Returns:
        Tags and their scores (0 to 1, the mean over the song), the highest first.

    Raises:
        fcn4_dist.errors.InputError: If the song or the model cannot be used.

    Examples:
        >>> fcn4_dist.top_tags("song.mp3", "weight/", top_n=2)  # doctest: +SKIP
        [('metal', 0.934), ('rock', 0.412)]
    """
    from pathlib import Path

    from fcn4_dist.tagging import Tagger, load_network, parse_class_names

    network = load_network(model, class_names=parse_class_names(class_names))
    return Tagger(network).tag(Path(song)).top(top_n)
