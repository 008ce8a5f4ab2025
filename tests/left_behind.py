"""What a test would leave to the next one in its process: settings of the process, of JAX, of Matplotlib and of Dask,
and the names and tables of the package.
"""

import copy
import gc
import locale
import os
import signal
import socket
import sys

import jax
import numpy as np

PACKAGE = "resource_ode"
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGALRM", "SIGHUP") if hasattr(signal, name)]
# environment variables that decide how the tests run; libraries set others when they are imported
READ_BY_US = ("RESOURCE_ODE", "JAX_", "XLA_", "MPL", "PYTHON", "HOME", "PATH", "TMPDIR", "COLUMNS", "NO_COLOR", "LANG")
# what Dask keeps of the client that is to do all later work
OF_CLIENTS = ("scheduler", "shuffle")


def of_process():
    return {
        "the working directory": os.getcwd(),
        "sys.path": tuple(sys.path),
        "sys.argv": tuple(sys.argv),
        "sys.excepthook": sys.excepthook,
        "the recursion limit": sys.getrecursionlimit(),
        "the garbage collector": (gc.isenabled(), gc.get_threshold()),
        "the locale": locale.setlocale(locale.LC_ALL),
        "the timeout of sockets": socket.getdefaulttimeout(),
        "NumPy's treatment of errors": np.geterr(),
        "environment variables": {name: x for name, x in os.environ.items() if name.startswith(READ_BY_US)},
        "handlers of signals": {number.name: signal.getsignal(number) for number in SIGNALS},
    }


class Tables:
    """Copies of tables, made anew only where one has changed, since to compare is cheaper."""

    def __init__(self):
        self.copies = {}

    def copied(self, name, table, copied=dict):
        if name not in self.copies or self.copies[name] != table:
            self.copies[name] = copied(table)
        return self.copies[name]


_tables = Tables()


def of_libraries():
    """Settings of libraries, where they are imported."""
    pyplot, dask = (sys.modules.get(name) for name in ("matplotlib.pyplot", "dask.config"))
    config = dask.config if dask else {}
    found = {"JAX's settings": jax.config.values, "open figures": pyplot.get_fignums() if pyplot else []}
    found["Dask's client"] = {name: config.get(name) for name in OF_CLIENTS}
    if pyplot:
        # as plain items: its own reading of them warns; it sets one by itself, with the first figure
        settings = dict(dict.items(pyplot.rcParams)) | {"backend_fallback": None}
        found["Matplotlib's settings"] = _tables.copied("pyplot", settings)
    if dask:
        # which `distributed` adds to
        name = "Dask's settings" + " of clusters" * ("distributed" in sys.modules)
        found[name] = _tables.copied(name, config, copy.deepcopy)
    return found


class Package:
    """What the names of the package's modules are bound to, with copies of the tables among them."""

    def __init__(self):
        self.imported, self.names, self.modules = 0, [], {}

    def changed(self):
        """Names bound to something else than when this was asked last, and tables with other content."""
        if self.imported != len(sys.modules):
            self.imported = len(sys.modules)
            self.names = [name for name in sys.modules if name.partition(".")[0] == PACKAGE]
        found = []
        for name in self.names:
            now, before = vars(sys.modules[name]), self.modules.get(name)
            try:
                if before is not None and before == now:
                    continue
            except ValueError:  # of arrays, of which one took the place of another
                pass
            found += [f"{name}.{key}" for key, value in (before or {}).items() if not _is_still(value, now.get(key))]
            self.modules[name] = {key: dict(x) if type(x) is dict and key.isupper() else x for key, x in now.items()}
        return found


def _is_still(before, now):
    return before is now or (type(before) is dict and before == now)


def state():
    return of_process() | of_libraries()


def since(before):
    """What has changed, in words; a library that was imported in between brings its own settings."""
    now = state()
    return [_told(name, before[name], now[name]) for name in before.keys() & now if before[name] != now[name]]


def _told(name, before, now):
    if isinstance(before, dict):
        keys = {key for key, _ in {*_items(before)} ^ {*_items(now)}}
        return f"{name} ({', '.join(sorted(keys))})"
    return f"{name} ({before!r}, now {now!r})"


def _items(table):
    return ((key, repr(value)) for key, value in table.items())
