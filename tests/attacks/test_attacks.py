"""Nothing wrong in silence, no traceback, no hang, no file lost, whatever is thrown at it."""

from pathlib import Path

import pytest

from tests.attacks.outcome import KINDS, attacks


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", KINDS)
def test_attacks_are_refused_or_do_no_harm(kind: str, tmp_path: Path) -> None:
    outcomes = list(attacks(kind, tmp_path, KINDS[kind]))
    assert [outcome for outcome in outcomes if not outcome.harmless] == []
    assert len(outcomes) >= KINDS[kind]
