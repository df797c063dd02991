"""Step types: each one is a small file here and a line in `registry.py`."""
