"""How pictures look, whatever the user's settings of matplotlib."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
from matplotlib.font_manager import get_font_names

# DejaVu comes with matplotlib, and lacks the letters of East Asia.
_FONTS = ("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei")


@contextmanager
def own_style() -> Iterator[None]:
    """Draw the same whatever the user's settings of matplotlib, and take any text literally."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        installed = set(get_font_names())
        fonts = [name for name in _FONTS if name in installed]
        matplotlib.rcParams.update({"text.parse_math": False, "font.family": fonts})
        # A letter that no font has is drawn as a box, which says it all.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        yield
