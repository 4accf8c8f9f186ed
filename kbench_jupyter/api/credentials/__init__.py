"""Who is calling: the kinds of credentials, the files they are kept in, and finding the ones that count.

Must never show a secret, and never send one: `calls` asks for a header's value.
"""
