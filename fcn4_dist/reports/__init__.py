"""Pictures for people. Drawing them needs matplotlib."""

TABLE_FORMATS = ("text", "markdown", "latex", "csv")
"""In which tables are printed; here, where a command line learns of them at no cost."""
