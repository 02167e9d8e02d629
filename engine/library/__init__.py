"""The adapter library: cards, files, where they come from and how they are kept."""
