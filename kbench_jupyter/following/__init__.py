"""What goes on at the server: runs and versions watched to their end, and logs read live, all at once.

It tells what it sees through a reporter. It must never know how that is drawn.
"""
