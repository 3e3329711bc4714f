"""For the notebooks of all users: loads the extension, so that nobody needs %load_ext. It asks no server.

It belongs in etc/ipython of the environment that the kernels run in, for example /opt/conda/etc/ipython.
"""
# ruff: noqa: F821 - IPython puts c there

c.InteractiveShellApp.extensions.append("ipyterrascope")
