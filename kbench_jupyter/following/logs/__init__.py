"""Logs of runs read live, many at once, and put on one screen."""
