"""The log view: the logs of a task's runs, one tab a run, all live at once. It must never know the other panels."""
