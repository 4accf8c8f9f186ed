"""KB501 and KB502: files that are read, and whether the server has them."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import PathFinder
from pathlib import Path

from kbench_jupyter.validation.reading.program import Program
from kbench_jupyter.validation.reading.scopes import Certainty, Place, SiteIndex
from kbench_jupyter.validation.rules.brought import Brought
from kbench_jupyter.validation.rules.built_paths import built, is_builder
from kbench_jupyter.validation.rules.guards import is_caught, surely_reached
from kbench_jupyter.validation.rules.paths import own_machine, read_paths
from kbench_jupyter.validation.rules.rule import Check, error
from kbench_jupyter.validation.rules.shell import commands

LOCAL_PATH = error(
    "KB501 local-path",
    "A file is read from a path, or a module imported, that will not exist on the server.",
    "The server gets the notebook and the attached datasets, nothing else of this machine.",
    'rows = pd.read_csv("/home/ada/questions.csv")',
    'rows = pd.read_csv("/kaggle/input/questions/questions.csv")  # and push with -d ada/questions',
    "{path} is read, but nothing in the notebook brings it to the server.",
    "Put the file into a Kaggle dataset, read it from /kaggle/input/<dataset>/, and push with -d owner/dataset.",
)
DATASET = error(
    "KB502 dataset-not-attached",
    "A file under `/kaggle/input` is used, but its dataset is not attached.",
    "The server mounts only the datasets that are attached: those the push names or, when it names none, those "
    "of the version before.",
    'rows = pd.read_csv("/kaggle/input/questions/questions.csv")\n%kbench push quiz',
    'rows = pd.read_csv("/kaggle/input/questions/questions.csv")\n%kbench push quiz -d ada/questions',
    "{folder} is used, but that dataset is not among those to attach.",
    "Push with -d {owner}/{slug}.",
)

_ROOT = "/kaggle/input"
_MOUNT = re.compile(
    r"(?:/kaggle|\.\.)/input/(?:datasets/(?P<owner>[\w-]+)/)?(?P<slug>[\w-]+)(?P<ending>\.\w+(?![\w./]))?"
    r"(?=(?:/(?P<inside>[\w-]+)(?:/|\Z))?)"
)
_VERSION = re.compile(r"/versions/\d+\Z")
_IMPORT = re.compile(r"^[ \t]*(?:from|import)[ \t]+(.*)", re.MULTILINE)
_ASKS = re.compile(r"\b(?:exists|is_?dir|is_?file)\(")
_OTHER_MOUNTS = frozenset({"datasets", "competitions", "models", "notebooks"})


def check(check: Check) -> None:
    """Report everything this group has to say."""
    _files(check)
    _modules(check)
    _datasets(check)


def _files(check: Check) -> None:
    program = check.program
    brought = Brought(program)
    # What is brought may be looked for in cells that nobody has walked yet: they add to the index.
    for place in list(program.index.calls):
        for node, path in read_paths(place, program):
            if path.startswith(("/kaggle/", "../input/")):  # the second leads there from /kaggle/working
                continue
            own = own_machine(path)
            if is_caught("FileNotFoundError", place, program) or (not own and path in brought):
                continue
            message = f"{path} exists on this machine only." if own else ""
            check.at(LOCAL_PATH, place, message, node=node, sure=surely_reached(place, program), path=path)


def _modules(check: Check) -> None:
    """Report imports of modules that lie beside the notebook, and are not sent with it."""
    program = check.program
    # A folder that is put on the path may hold the module as well, on the server.
    if check.folder is None or "sys.path" in program.text:
        return
    beside = _beside(check.folder, program.text)
    brought = Brought(program)
    for cell in program.cells:
        if not any(name in cell.source.text for name in beside):
            continue
        for node in ast.walk(cell.tree):
            for name in imported(node) & beside:
                if not _may_be_in(check.folder, name, node):
                    continue
                place: Place[ast.AST] = Place(node, cell, program.module, Certainty.GUARDED)
                # Whoever names the file as well (%%writefile, a download) brings it.
                named = re.search(rf"\b{name}(?:\.py|/)", re.sub(r"#.*", "", program.text))
                if named or f"{name}.py" in brought or is_installed(name, check, check.folder):
                    continue
                if not is_caught("ModuleNotFoundError", place, program):
                    check.at(LOCAL_PATH, place, *_module_words(name), sure=node in cell.tree.body)


def _module_words(name: str) -> tuple[str, str]:
    return (
        f"{name} lies beside the notebook and is not sent with it, so the server cannot import it.",
        f"Put its lines into a cell (%%writefile {name}.py keeps it a module), or put it into a Kaggle dataset and "
        "add its folder to sys.path.",
    )


def _beside(folder: Path, text: str) -> set[str]:
    """The modules and packages in a folder that a text imports."""
    roots = {root for line in _IMPORT.findall(text) for root in re.findall(r"[^\W\d]\w*", line)}
    return {
        root
        for root in roots - sys.stdlib_module_names
        if (folder / f"{root}.py").is_file() or (folder / root / "__init__.py").is_file()
    }


def imported(node: ast.AST) -> set[str]:
    """Return the top-level modules that a statement imports."""
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and not node.level and node.module:
        return {node.module.partition(".")[0]}
    return set()


def _may_be_in(folder: Path, name: str, node: ast.AST) -> bool:
    """Whether an import may mean what lies there: `from x.y import z` is of a package x, and never of x.py."""
    paths = (
        [alias.name for alias in node.names]
        if isinstance(node, ast.Import)
        else [getattr(node, "module", "")]
    )
    return name in paths or (folder / name / "__init__.py").is_file()


def is_installed(name: str, check: Check, folder: Path) -> bool:
    """Return whether a module is there without the notebook's folder, or a command installs what is called so."""
    if any(name.replace("_", "-") in c.text.replace("_", "-") for c in commands(check.program)):
        return True
    elsewhere = [p for p in sys.path if p and Path(p).resolve() != folder.resolve()]
    return PathFinder.find_spec(name, elsewhere) is not None


def _datasets(check: Check) -> None:
    attached = {_dataset_slug(dataset) for dataset in check.datasets}
    told: set[str] = set()
    for place, match in _mounts(check.program):
        slug = match["slug"]
        if slug in _OTHER_MOUNTS or slug in told or (slug.lower() in attached and not match["ending"]):
            continue
        told.add(slug)
        # Without any dataset named, this may be a look before the push that names them; and a text that only
        # mentions a folder may be a prompt about it. Who asks whether something is there goes on without it.
        text = built(place.node, place.scope, check.program).start
        sure = bool(attached) and _MOUNT.match(text) is not None and not _ASKS.search(check.program.text)
        sure = sure and surely_reached(place, check.program)
        words, owner = _mount_words(match, check.datasets), match["owner"] or "OWNER"
        check.at(DATASET, place, *words, sure=sure, folder=match[0], owner=owner, slug=slug)


def _mount_words(match: re.Match[str], datasets: Sequence[str]) -> tuple[str, str]:
    """What is told of a folder that no dataset can have, or that begins with what may be an owner."""
    slug, inside = match["slug"], match["inside"]
    if match["ending"]:
        return (
            f"{match[0]} is used, but no file lies right below {_ROOT}: each dataset is a folder there.",
            f"Read {_ROOT}/<dataset>/{slug}{match['ending']}, and push with -d owner/dataset.",
        )
    if not inside or match["owner"]:
        return "", ""
    whole, read = f"{slug}/{inside}", f"{_ROOT}/{inside}/..."
    if any(_VERSION.sub("", dataset.strip("/")).lower() == whole.lower() for dataset in datasets):
        told = f"{match[0]}/{inside} is used, but a dataset's folder has no owner before it."
        return told, f"Read {read} instead."
    return (
        "",
        f"Push with -d OWNER/{slug}. Or, if {slug} is the owner: read {read}, and push with -d {whole}.",
    )


def _mounts(program: Program) -> Iterator[tuple[Place[ast.AST], re.Match[str]]]:
    """Every mention of a dataset's folder: in a text, and in what is put together from texts."""
    index = program.index
    # A text that stands alone, as a docstring does, is no use of it.
    texts = (place for place in index.strings if place.node not in index.statements)
    mentions = [place for place in texts if "/input" in str(place.node.value)]
    if not mentions:
        return
    pieces = _pieces(index)
    for place in mentions:
        for match in _whole(str(place.node.value), complete=place.node not in pieces):
            yield place, match
    calls = [place for place in index.calls if is_builder(place.node, place.scope, program)]
    for made in (*index.built, *calls):
        seen = built(made.node, made.scope, program)
        for match in _whole(seen.start, complete=seen.complete and made.node not in pieces):
            yield made, match


def _pieces(index: SiteIndex) -> set[ast.AST]:
    """The parts of texts that go on after them: the dataset's name may go on as well."""
    pieces: set[ast.AST] = set()
    for place in index.built:
        node = place.node
        if isinstance(node, ast.JoinedStr):
            pieces.update(node.values)
        elif isinstance(node.op, ast.Add):
            pieces.update((node.left, node.right))
    return pieces


def _whole(text: str, *, complete: bool) -> Iterator[re.Match[str]]:
    """The dataset folders in a text whose name is there to its end."""
    for match in _MOUNT.finditer(text):
        after = text[match.end() : match.end() + 1]
        # `{`, `%`, `*`, `?` and `[`: something else is to be filled in there.
        if (after or complete) and after not in tuple("{%*?[") and match["slug"][-1] not in "-_":
            yield match


def _dataset_slug(dataset: str) -> str:
    """Return the folder a dataset is mounted as: ``owner/name/versions/3`` is ``name``."""
    return _VERSION.sub("", dataset.strip("/")).rpartition("/")[2].lower()
