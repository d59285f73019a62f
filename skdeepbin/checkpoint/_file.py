"""The file that a fit keeps to go on from: whole or not there, and checked when read.

It is an `.npz` of NumPy: one text, in JSON, and the arrays that it refers to; to load
it runs no code. Its last bytes, the comment of the archive, are a digest of all others.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from glob import escape
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from threading import Thread, get_ident
from time import monotonic
from typing import Any
from zipfile import ZipFile

import numpy as np

from skdeepbin.checkpoint._serialization import deserialize, serialize
from skdeepbin.training._session import FitState

# Of the layout of the file. Another is not read.
FORMAT = 1
# Hexadecimal digits of the digest.
DIGEST = 64


def to_bytes(value: Any) -> bytes:
    """The file of a value."""
    arrays: list[np.ndarray] = []
    text = json.dumps({"format": FORMAT, "value": _numbered(serialize(value), arrays)})
    named: dict[str, Any] = {str(number): array for number, array in enumerate(arrays)}
    file = BytesIO()
    np.savez(file, **named, text=np.array(text))
    with ZipFile(file, "a") as archive:
        archive.comment = b"0" * DIGEST
    content = file.getvalue()[:-DIGEST]
    return content + _digest(content)


def from_bytes(content: bytes) -> Any:
    """The value of a file; a ValueError if it is not as it was written."""
    if len(content) <= DIGEST or _digest(content[:-DIGEST]) != content[-DIGEST:]:
        raise ValueError("it was cut short or altered, or is another kind of file")
    with np.load(BytesIO(content), allow_pickle=False) as archive:
        tree = json.loads(str(archive["text"]))
        if tree["format"] != FORMAT:
            raise ValueError(
                f"its format is {tree['format']}, and this version reads {FORMAT}"
            )
        return deserialize(_filled(tree["value"], archive))


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=DIGEST // 2).hexdigest().encode()


def _numbered(tree: Any, arrays: list[np.ndarray]) -> Any:
    """A plain value with each array by its number, which JSON knows."""
    if isinstance(tree, np.ndarray):
        arrays.append(tree)
        return {"array": len(arrays) - 1}
    if isinstance(tree, dict):
        return {key: _numbered(part, arrays) for key, part in tree.items()}
    if isinstance(tree, list):
        return [_numbered(part, arrays) for part in tree]
    return tree


def _filled(tree: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The plain value, with its arrays."""
    if isinstance(tree, list):
        return [_filled(part, arrays) for part in tree]
    if not isinstance(tree, dict):
        return tree
    if "array" in tree:
        return arrays[str(tree["array"])]
    return {key: _filled(part, arrays) for key, part in tree.items()}


def write(path: Path, content: bytes) -> None:
    """Put a file in the place of another, so that there is always a whole one."""
    new = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}.tmp")
    try:
        with open(new, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Let the new name last too; not all systems can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


class Checkpoint:
    """The file of one fit, written in the background.

    Parameters
    ----------
    path : str or path-like
        Of the file.
    interval : float
        Seconds between two writes, at least.
    heading : mapping
        What the file says beside the past.
    """

    def __init__(
        self, path: str | os.PathLike, interval: float, heading: Mapping[str, Any]
    ) -> None:
        self.path, self.interval, self.heading = Path(path), interval, heading
        self._writer: Thread | None = None
        self._last = monotonic()
        self._error: Exception | None = None
        self._has_warned = False

    @property
    def is_due(self) -> bool:
        """True if it is time to write, and the last write has ended."""
        if monotonic() - self._last < self.interval:
            return False
        return self._writer is None or not self._writer.is_alive()

    def save(self, past: FitState, at_once: bool = False) -> None:
        """Write the progress of the fit in the background; `at_once` waits for it."""
        if at_once:
            self._wait()
        self._warn()
        self._last = monotonic()
        self._writer = Thread(target=self._write, args=(past,))
        self._writer.start()
        if at_once:
            self._wait()

    def close(self, is_over: bool) -> None:
        """End the writing; without a trace if the fit is over."""
        self._wait()
        self._warn()
        if is_over:
            try:
                if self.path.is_file():
                    self.path.unlink()
                self.remove_remains()
            except OSError as error:
                self._error = error
                self._warn()

    def remove_remains(self) -> None:
        """Remove what writes that were killed have left."""
        for remains in self.path.parent.glob(f".{escape(self.path.name)}.*.tmp"):
            remains.unlink(missing_ok=True)

    def _write(self, past: FitState) -> None:
        try:
            write(self.path, to_bytes({**self.heading, "past": past}))
        except (OSError, MemoryError) as error:
            self._error = error

    def _wait(self) -> None:
        if self._writer is not None:
            self._writer.join()

    def _warn(self) -> None:
        """Say once that the file cannot be written."""
        error, self._error = self._error, None
        if error is None or self._has_warned:
            return
        self._has_warned = True
        warnings.warn(
            f"`checkpoint` {str(self.path)!r} cannot be written: {error}. Training "
            "goes on without; of an earlier checkpoint nothing is lost.",
            RuntimeWarning,
            stacklevel=2,
        )


def read(path: str | os.PathLike) -> Any:
    """Read a checkpoint; None if there is none, a ValueError if it is damaged."""
    path = Path(path)
    if not path.is_file():
        return None
    try:
        return from_bytes(path.read_bytes())
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"`checkpoint` {str(path)!r} cannot be gone on with: {error}. Delete the "
            "file to start anew."
        ) from error
