"""What every action shares: the session, the target, the settings, and the embedded server's process.

This room knows which server is spoken to and where each choice was made. It must never know the verbs.

Others use ``session.Session`` and ``session.Reporter``, ``target.Target``, ``settings``, ``server_settings``,
``envfile``, ``kept``, ``local_server`` and ``interrupted.Interrupted``.
"""
