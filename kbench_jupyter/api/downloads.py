"""The bytes of a run's output archive, streamed, and resumed where a connection broke."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Self

from kbench_jupyter.api.calls.answers import Answer, foreign, refusal
from kbench_jupyter.api.calls.caller import TASKS, Caller
from kbench_jupyter.api.transport import Cancel, Response, TransportFault
from kbench_jupyter.api.values.wire import given
from kbench_jupyter.errors import ApiError, TransportError

METHOD = "DownloadBenchmarkTaskRunOutput"


class Download:
    """A download of a run's output archive; a context manager.

    A broken connection is resumed by itself when the server has named the archive (ETag or Last-Modified):
    else the two halves could be of two different archives, and the fault goes to the caller.

    Made by `Client.download_output`, which says what the parameters mean.

    Raises
    ------
    NotFoundError, ApiError, CredentialsError, TransportError
        On entering: no such run or output, or the server refuses or cannot be reached.
    """

    def __init__(
        self,
        caller: Caller,
        run_id: int,
        *,
        include_source: bool = False,
        start: int = 0,
        validator: str | None = None,
    ) -> None:
        self.run_id = run_id
        #: The offset the bytes really begin at: what was asked for, or 0 when all of it comes again (another
        #: archive by now, or a server that cannot resume). Known once entered.
        self.start = start if validator else 0
        self.position = self.start  #: the offset of the next byte
        self.total: int | None = None  #: bytes of the whole archive, if the server tells; known once entered
        self.validator = validator  #: what to hand in to resume later; None when it cannot be resumed
        self._caller = caller
        self._include_source = include_source
        self._cancel = Cancel()
        self._response: Response | None = None

    def __enter__(self) -> Self:
        self._response = self._open()
        self.start = self.position
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the connection at once; callable from any thread."""
        self._cancel.cancel()
        response, self._response = self._response, None
        if response is not None:
            response.close()

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield the bytes from `start` on, in pieces of at most 256 KiB.

        Raises
        ------
        TransportError
            If the connection breaks and cannot be resumed, or the archive has changed meanwhile.
        """
        fruitless, most = 0, self._caller.limits.archive
        came = self._caller.clock()
        while (response := self._response) is not None:  # another thread may close it at any moment
            before = self.position
            try:
                for piece in response.iter_bytes():
                    self.position += len(piece)
                    if self.position > most:
                        raise TransportFault(
                            f"{METHOD}: the archive is larger than {most:,} bytes.", retryable=False
                        )
                    yield piece
                    came = self._caller.clock()
                if self.total is not None and self.position < self.total:
                    raise TransportFault(f"{METHOD}: the archive broke off.")
                return
            except TransportFault as fault:
                problem = fault
            if self._cancel.is_set or not problem.retryable:
                raise problem
            fruitless = 0 if self.position > before else fruitless + 1
            self._resume(problem, fruitless, self._caller.limits.deadline - (self._caller.clock() - came))

    def _resume(self, problem: TransportFault, fruitless: int, left: float) -> None:
        limits, offset = self._caller.limits, self.position
        if left <= 0 or fruitless >= limits.attempts:
            problem.retryable = False  # it was tried as often and as long as anything is
            raise problem
        if self.validator is None:
            raise problem
        if (response := self._response) is not None:
            response.close()
        self._cancel.wait(limits.pause(fruitless + 1, self._caller.rand))
        self._response = self._open(left)
        if self.position == offset:
            return
        changed = TransportError(
            f"The archive of run {self.run_id} changed while it was being downloaded, or cannot be resumed.",
            hint="Download it again.",
        )
        self.close()
        raise changed

    def _open(self, deadline: float | None = None) -> Response:
        headers = {"Accept": "application/zip, application/octet-stream, */*"}
        if self.position and self.validator:
            headers["Range"] = f"bytes={self.position}-"
            headers["If-Range"] = self.validator
        body = given(runId=self.run_id, includeSource=self._include_source)
        try:
            response = self._caller.open(
                TASKS,
                METHOD,
                body,
                headers=headers,
                cancel=self._cancel,
                subject=f"output of run {self.run_id}",
                check=self._disguised,
                deadline=deadline,
            )
        except ApiError as error:
            if error.status != 416 or not self.position:
                raise
            # Nothing after this offset: ask for all of it, and the sizes tell whether it was complete.
            self.position = 0
            return self._open(deadline)
        self._read_place(response)
        return response

    def _disguised(self, response: Response) -> Answer | None:
        if response.content_type not in ("application/json", "text/html"):
            return None
        body = response.read(self._caller.limits.answer)
        answer = refusal(METHOD, response, body=body)
        if answer is not None:
            return answer
        raise foreign(METHOD, response, body, self._caller.credentials)

    def _read_place(self, response: Response) -> None:
        headers = response.headers
        place = re.match(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("content-range", ""))
        if response.status == 206 and place:
            if int(place.group(1)) != self.position:
                raise TransportFault(f"{METHOD}: the server resumed at another place than asked.")
            self.total = int(place.group(2)) if place.group(2).isdigit() else None
        else:
            self.position = 0
            length = headers.get("content-length", "")
            plain = length.isdecimal() and "content-encoding" not in headers
            self.total = int(length) if plain else None
        etag = headers.get("etag", "")
        # A weak ETag does not promise identical bytes (RFC 9110, section 13.1.5).
        strong = etag if etag and not etag.startswith("W/") else ""
        accepts = headers.get("accept-ranges", "").strip().lower() != "none"
        self.validator = (strong or headers.get("last-modified") or None) if accepts else None
