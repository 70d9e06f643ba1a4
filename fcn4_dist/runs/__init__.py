"""What a run leaves: its folder, ``run.json``, ``metrics.jsonl``, written and read here."""
