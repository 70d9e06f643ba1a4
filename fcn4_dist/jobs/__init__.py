"""What each command does, from settings to results: the rooms put together."""
