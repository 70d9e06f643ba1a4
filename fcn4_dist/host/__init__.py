"""An Ascend host as its tools, files and logs tell of it: cards, their driver and network, CANN."""
