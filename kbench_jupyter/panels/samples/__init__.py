"""The samples of a comparison: a grid of them, and the transcript of one, or of two side by side."""
