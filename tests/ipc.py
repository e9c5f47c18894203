"""A pytest plugin: the kernels of notebooks are reached through files in place of ports (pytest -p tests.ipc).

jupyter_client looks for free ports, gives them back, and the kernel that it starts takes them: unless another
program was faster (its issue 487). Where four kernels started at once, one of 600 ended with "Address already
in use". Windows has no such files, and keeps the ports.
"""

import itertools
import os
import tempfile
from functools import wraps

from jupyter_client.manager import KernelManager

if os.name == "posix":
    folder = tempfile.TemporaryDirectory(dir="/tmp")  # a socket's path has at most a hundred letters
    names = (f"{folder.name}/{number}" for number in itertools.count())
    init = KernelManager.__init__
    KernelManager.__init__ = wraps(init)(lambda self, **traits: init(
        self, **{"transport": "ipc", "ip": next(names)} | traits))
