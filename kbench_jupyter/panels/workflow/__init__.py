"""The workflow panel: a task's way from init to publish, a click a step."""
