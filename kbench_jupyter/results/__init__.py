"""What runs came to: run files as the task SDK leaves them, downloads on disk, and what is computed from them.

This room reads and lays out folders. It must never know the network, nor, but for the files of `report`, how anything
is drawn. Others may import `archive`, `downloads`, `runfiles`, `comparison`, `samples`, `measured`, `pairing`,
`statistics`, `chart` and `report`.
"""
