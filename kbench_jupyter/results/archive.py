"""Opening an archive somebody else made: every name checked and every byte counted before it lands on disk.

An archive is refused as a whole, before anything of it is written, when one of its entries would end up
outside the folder or on top of another, is no plain file or folder, or when all of them together are larger
than the limits. Whoever calls unpacks into a fresh folder and throws that away on an error.
"""

from __future__ import annotations

import ntpath
import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import IO

from kbench_jupyter.errors import DownloadError

_WINDOWS = os.name == "nt"
_PIECE = 1 << 18
# Not LZMA: an archive says itself how much memory that takes to unpack.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    struct.error,
    UnicodeDecodeError,
    OverflowError,
    IndexError,
    ValueError,
    RuntimeError,  # zipfile's NotImplementedError, for a version or flag it does not know
)


class BrokenArchiveError(DownloadError):
    """What came is no intact zip archive; another download may be."""


class TooLargeError(DownloadError):
    """An archive is larger than the limits."""


@dataclass(frozen=True)
class Limits:
    """What an archive may amount to."""

    total: int = 20_000_000_000  #: bytes of all files together, unpacked
    ratio: float = 250.0  #: how many times larger than the archive they may be, once they are more than
    ratio_from: int = 200_000_000  #: this many bytes: a small log may well shrink to nothing
    entries: int = 100_000  #: files and folders
    directory: int = 32_000_000  #: bytes of the archive's table of contents, which is held in memory


@dataclass(frozen=True)
class Unpacked:
    """What came out of an archive: how many files, of how many bytes together."""

    files: int
    size: int


class Stopped(Exception):
    """Unpacking was asked to stop."""


def unpack(
    archive: IO[bytes],
    folder: Path,
    limits: Limits | None = None,
    *,
    stopped: Callable[[], bool] = lambda: False,
) -> Unpacked:
    """Unpack a zip archive into a fresh folder, holding no file in memory.

    Parameters
    ----------
    archive : binary file
        Open, and can be read from anywhere.
    folder : Path
        Made here; nothing else may be in it.
    stopped : callable, optional
        Asked between pieces whether to give up.

    Raises
    ------
    BrokenArchiveError
        If it is not an intact zip archive.
    TooLargeError
        If it is larger than the limits.
    DownloadError
        If it is refused for another reason, or the disk takes no more.
    Stopped
        If `stopped` said so.
    """
    limits = limits or Limits()
    try:
        with zipfile.ZipFile(_Bounded(archive, limits.directory)) as opened:
            infos = opened.infolist()
            _check_sizes(infos, archive.seek(0, os.SEEK_END), limits)
            places = [(info, _place(info)) for info in infos]
            _check_collisions(places)
            folder.mkdir()
            return _extract(opened, places, folder, stopped)
    except _BROKEN as error:
        raise BrokenArchiveError(f"what came is no intact zip archive ({error})") from error
    except OSError as error:
        raise DownloadError(f"it cannot be unpacked to {folder}: {error.strerror or error}") from error


class _Bounded:
    """An archive as zipfile reads it: never more at once than a table of contents may have.

    zipfile holds all of that in memory. Where it is and how large, an archive may say in two places that differ.
    """

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._read, self._most = stream.read, most
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1) -> bytes:
        if size > self._most:
            said = f"its table of contents is {_mb(size)}, and {_mb(self._most)} is the limit"
            raise _refusal(said, TooLargeError)
        return self._read(size)


def _extract(
    opened: zipfile.ZipFile,
    places: Iterable[tuple[zipfile.ZipInfo, tuple[str, ...]]],
    folder: Path,
    stopped: Callable[[], bool],
) -> Unpacked:
    files = size = 0
    made = {folder}
    for info, parts in places:
        path = folder.joinpath(*parts)
        parent = path if info.is_dir() else path.parent
        if parent not in made:
            parent.mkdir(parents=True, exist_ok=True)
            made.add(parent)
        if info.is_dir():
            continue
        # "x": a file that is there already would mean that a collision went unnoticed.
        with opened.open(info) as source, path.open("xb") as target:
            while piece := source.read(_PIECE):
                if stopped():
                    raise Stopped
                size += len(piece)
                target.write(piece)
        files += 1
    return Unpacked(files, size)


def _place(info: zipfile.ZipInfo) -> tuple[str, ...]:
    """Return the parts of an entry's path inside the folder, or refuse it."""
    raw = info.orig_filename
    shown = repr(raw if len(raw) <= 80 else raw[:77] + "...")
    parts = tuple(part for part in raw.split("/") if part not in ("", "."))
    kind = _KINDS.get(stat.S_IFMT(info.external_attr >> 16))
    if raw.startswith("/") or re.match(r"[A-Za-z]:", raw):
        raise _refusal(f"the name {shown} is absolute")
    if ".." in parts:
        raise _refusal(f"the name {shown} leads out of its folder")
    if "\\" in raw or "\0" in raw:
        raise _refusal(f"the name {shown} holds a backslash or a NUL")
    if not parts and not info.is_dir():
        raise _refusal(f"the name {shown} is empty")
    if kind is not None:
        raise _refusal(f"{shown} is {kind}")
    if info.flag_bits & 0x1:
        raise _refusal(f"{shown} is encrypted")
    if info.compress_type not in _COMPRESSIONS:
        raise _refusal(f"{shown} is compressed in a way that is not supported ({info.compress_type})")
    if _WINDOWS and any(":" in part or part[-1] in " ." or _is_reserved(part) for part in parts):
        raise _refusal(f"Windows cannot have a file named {shown}")
    return parts


def _is_reserved(name: str) -> bool:
    # Of Python 3.13; the other goes with 3.15.
    asked: Callable[[str], bool] | None = getattr(ntpath, "isreserved", None)
    return asked(name) if asked else PureWindowsPath(name).is_reserved()


def _check_collisions(places: Iterable[tuple[zipfile.ZipInfo, tuple[str, ...]]]) -> None:
    """Refuse two entries of one name, also where only case or Unicode form tells them apart."""
    spelled: dict[tuple[str, ...], tuple[str, ...]] = {}
    files: set[tuple[str, ...]] = set()
    folders: set[tuple[str, ...]] = set()
    for info, parts in places:
        for depth in range(1, len(parts) + 1):
            path = parts[:depth]
            key = tuple(unicodedata.normalize("NFC", part).casefold() for part in path)
            is_file = depth == len(parts) and not info.is_dir()
            other = spelled.setdefault(key, path)
            if other != path or key in files or (is_file and key in folders):
                raise _refusal(f"{'/'.join(other)!r} and {'/'.join(path)!r} would be one file")
            (files if is_file else folders).add(key)


def _check_sizes(infos: list[zipfile.ZipInfo], packed: int, limits: Limits) -> None:
    # zipfile reads at most `file_size` bytes of an entry, so what is declared is what can come.
    total = sum(info.file_size for info in infos)
    if len({info.header_offset for info in infos}) < len(infos):
        raise _refusal("two of its entries share their bytes")
    if len(infos) > limits.entries:
        raise _refusal(f"it holds {len(infos):,} entries, and {limits.entries:,} is the limit", TooLargeError)
    if total > limits.total:
        raise _refusal(
            f"it would unpack to {_mb(total)}, and {_mb(limits.total)} is the limit", TooLargeError
        )
    if total > limits.ratio_from and total > limits.ratio * packed:
        raise _refusal(
            f"it would unpack from {_mb(packed)} to {_mb(total)}, "
            f"and {limits.ratio:g} times its size is the limit",
            TooLargeError,
        )


def _refusal(why: str, kind: type[DownloadError] = DownloadError) -> DownloadError:
    return kind(f"its archive is refused: {why}")


def _mb(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"
