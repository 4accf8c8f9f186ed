"""Statistics: how sure a measured number is, and whether two differ by more than chance.

Pure functions on plain numbers; they know neither runs nor samples. All that is random is seeded, so that the same
numbers give the same answer. What needs tables of distributions takes them from scipy, which is the extra
``kbench-jupyter[stats]``; it is imported when it is first needed. Without it pass rates still have their interval
and their power; everything else raises and says what to install.

Which method is used when, and why, stands in the docstring of each function:

* an interval of a pass rate: `rate` (Wilson);
* of a mean: `mean` (Student's t, a bootstrap where values are too skewed for it, clustered where samples repeat);
* a difference of pairs: `paired` (exact McNemar for passes, paired t for the rest);
* a difference without pairs: `unpaired`;
* several p values at once: `holm`;
* how many samples tell a difference apart: `pairs_needed`, `samples_needed`; what so many show: `detectable`;
* repeats of the same sample: `pass_at_k`, `pass_hat_k`, `within_spread`.
"""

from kbench_jupyter.results.statistics.differences import Difference, mcnemar, paired, unpaired
from kbench_jupyter.results.statistics.intervals import Estimate, mean, rate
from kbench_jupyter.results.statistics.libraries import has_scipy
from kbench_jupyter.results.statistics.many import holm
from kbench_jupyter.results.statistics.power import detectable, pairs_needed, samples_needed
from kbench_jupyter.results.statistics.repeats import pass_at_k, pass_hat_k, within_spread

__all__ = [
    "Difference",
    "Estimate",
    "detectable",
    "has_scipy",
    "holm",
    "mcnemar",
    "mean",
    "paired",
    "pairs_needed",
    "pass_at_k",
    "pass_hat_k",
    "rate",
    "samples_needed",
    "unpaired",
    "within_spread",
]
