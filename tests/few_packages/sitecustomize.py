"""What a Python does first that is to get ready for tasks which import next to nothing: as ``quick_start``, and more.

What processes are forked off imports all that the task SDK imports: 5 s of a core, of each server and of each worker of
a cluster, and again whenever a test has ended one. Where a test is of how processes are forked, end and follow each
other, and its tasks do without the SDK, it imports here what a kernel imports, and nothing else.
"""

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec, spec_from_file_location

_BESIDE = spec_from_file_location("quick_start", __file__.replace("few_packages", "quick_start"))
_quick_start = module_from_spec(_BESIDE)
_BESIDE.loader.exec_module(_quick_start)


class _Fewer:
    """Finds the modules that say what is imported ahead, and has them say nothing."""

    NOTHING = {  # noqa: RUF012
        "kbench_jupyter.execution.ahead": {"PACKAGES": (), "WARM_UP": ""},
        "kbench_jupyter.execution.forked": {"_SDK": ()},
    }

    def find_spec(self, name, path=None, target=None):
        if name not in self.NOTHING:
            return None
        spec = PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            assert vars(module).keys() >= self.NOTHING[name].keys(), "else all would be imported after all"
            vars(module).update(self.NOTHING[name])

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, _Fewer())
