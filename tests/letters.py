"""Letters that names and texts from outside may have, for tests that draw them."""

from hypothesis import strategies as st

NASTY = "\x00\x07\x1b\x7f\x85\x9b\n\r\t\v\f\x1c'\"\\$`!;|,=+-@ \xa0\xad\u200b\u200c\u200d\u200e"
NASTY += "\u2028\u2029\u202e\u2066\ufeff\ufffd\ufffe\u3000\udce9\ud800\U000e0041<&é"

ANY_TEXT = st.text(st.characters(exclude_categories=[]) | st.sampled_from(NASTY), max_size=20)
"""Any text, lone surrogates included, with more of what does harm than chance would give."""
