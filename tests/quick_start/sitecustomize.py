"""What every Python that the tests start does first: it puts off a grammar that nobody there reads, and where a test
asks for it, it has its kernels forked.

jsonschema, and so nbformat, nbconvert and JupyterLab, imports rfc3987_syntax, which compiles 38 grammars: 1 to 3 s
of a core in each of hundreds of processes. Here they are compiled at the first check of an address, as
`kbench_jupyter.quick_import` does it for the package's own imports.

Kernels that `kbench_jupyter.execution` would start are forked off a template where the environment names one, as
``kernel_template.py`` tells.
"""

import sys


class _OnDemand:
    """Finds rfc3987_syntax once, as a module whose only function imports the real one."""

    def find_spec(self, name, path=None, target=None):
        if name != "rfc3987_syntax":
            return None
        from importlib.machinery import ModuleSpec, PathFinder

        real = PathFinder.find_spec(name)
        if real is None:
            return None
        stand_in = ModuleSpec(name, self, origin=real.origin, is_package=True)
        stand_in.has_location = True
        stand_in.submodule_search_locations = real.submodule_search_locations
        return stand_in

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        module.is_valid_syntax = lambda *asked: real("is_valid_syntax")(*asked)  # what jsonschema takes
        module.__getattr__ = real


def real(name):
    """Return what the real module has under a name, compiling its grammars the first time."""
    if name.startswith("__"):
        raise AttributeError(name)
    from importlib import import_module

    return getattr(import_module("rfc3987_syntax.syntax_helpers"), name)


class _Redirected:
    """Finds the module that starts kernels once, and has it fork them instead."""

    def find_spec(self, name, path=None, target=None):
        if name != "kbench_jupyter.execution.kernel":
            return None
        from importlib.machinery import PathFinder

        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            from importlib.util import module_from_spec, spec_from_file_location

            beside = spec_from_file_location(
                "kernel_template", __file__.rpartition("quick_start")[0] + "kernel_template.py"
            )
            template = module_from_spec(beside)
            beside.loader.exec_module(template)
            template.redirect(module)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path[:0] = [_OnDemand(), _Redirected()]
