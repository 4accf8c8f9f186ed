"""The current notebook: finding it, how fresh its text is, and what of it is pushed."""
