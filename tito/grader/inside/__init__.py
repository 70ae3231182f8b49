"""The three files that are copied into the sandbox: worker, probe and the format of values.

They run there as scripts beside each other, and import nothing of `tito`.
"""
