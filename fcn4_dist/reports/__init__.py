"""Pictures for people. Drawing them needs matplotlib."""
