"""What tests of exports take from those of tagging."""

from tests.tagging.conftest import description, parameters

__all__ = ["description", "parameters"]
