"""Results: run files as the task SDK leaves them, downloads on disk, and what is computed from them.

This room reads folders. It knows neither the network nor how anything is drawn.
"""
