"""What every action shares: the target, settings, the env file, the reporter, and the embedded server's process.

It knows where each choice was made and which server is spoken to. It must never know the verbs.
"""
