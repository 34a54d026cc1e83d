"""Members of a zip file: inside the file, apart from each other, and no larger than their sum may be."""

import struct
import zipfile
import zlib

import numpy as np

from segalgo.models.files.limits import Allowance
from segalgo.models.files.mapped_file import MappedFile
from segalgo.models.files.weights_error import RefusedError, quoted

LOCAL_HEADER = struct.Struct("<4s22xHH")
END_OF_DIRECTORY = 22
STEP = 2**20
ENCRYPTED = 1  # bit of the flags


class ZipMembers:
    """The members of a zip file by name, read as arrays of bytes.

    Stored members are parts of the file; deflated ones are accounted for before they are inflated. Members that share
    bytes would make a small file large: all that are read are together no longer than the file.
    """

    def __init__(self, file: MappedFile, allowance: Allowance) -> None:
        self.file = file
        self.allowance = allowance
        self.left = file.size
        end = file.data.rfind(b"PK\x05\x06", max(0, file.size - 2**16 - END_OF_DIRECTORY))
        # The directory ends with a record of 22 bytes and a comment, whose length it tells.
        comment = file.data[end + END_OF_DIRECTORY - 2 : end + END_OF_DIRECTORY]
        if end < 0 or len(comment) < 2 or end + END_OF_DIRECTORY + int.from_bytes(comment, "little") > file.size:
            raise RefusedError(
                f"truncated: a zip file whose directory, at its end, is missing or cut after {file.size} bytes; "
                "get it again"
            )
        with zipfile.ZipFile(_Reader(file)) as archive:  # type: ignore[arg-type]
            infos = archive.infolist()
        self.infos = {info.filename: info for info in infos}
        if len(self.infos) != len(infos):
            raise RefusedError("two members of the zip file have one name")

    def read(self, name: str) -> np.ndarray:
        """Return the bytes of a member, read-only; check its checksum, where there is one."""
        info = self.infos.get(name)
        if info is None:
            raise RefusedError(f"truncated: the member {quoted(name)} is missing")
        if info.flag_bits & ENCRYPTED:
            raise RefusedError(f"the member {quoted(name)} is encrypted")
        start = self._start(info)
        self.left -= info.compress_size
        if self.left < 0:
            raise RefusedError(f"the member {quoted(name)} makes the members larger than the file: they overlap")
        if info.compress_type == zipfile.ZIP_STORED:
            if info.file_size != info.compress_size:
                raise RefusedError(f"the stored member {quoted(name)} has two sizes")
            values = self.file.numbers(start, info.file_size)
        elif info.compress_type == zipfile.ZIP_DEFLATED:
            values = self._inflated(info, start)
        else:
            raise RefusedError(f"the member {quoted(name)} is compressed in a way that is not read: only deflate is")
        # Some writers leave checksums out, as 0; those of mapped files would make reading them read all of the file.
        if info.CRC and values.flags.owndata and zlib.crc32(values) != info.CRC:
            raise RefusedError(f"the member {quoted(name)} is damaged: its checksum differs")
        return values

    def _start(self, info: zipfile.ZipInfo) -> int:
        """Return where the bytes of a member begin, behind its own header."""
        at = info.header_offset
        if at < 0 or at + LOCAL_HEADER.size > self.file.size:
            raise RefusedError(f"the member {quoted(info.filename)} lies outside the file")
        signature, name_length, extra_length = LOCAL_HEADER.unpack(self.file.data[at : at + LOCAL_HEADER.size])
        if signature != b"PK\x03\x04":
            raise RefusedError(f"no member {quoted(info.filename)} at byte {at}, where the directory says so")
        start = at + LOCAL_HEADER.size + name_length + extra_length
        if start + info.compress_size > self.file.size:
            raise RefusedError(f"truncated: the member {quoted(info.filename)} reaches beyond the end of the file")
        return start

    def _inflated(self, info: zipfile.ZipInfo, start: int) -> np.ndarray:
        what = f"the member {quoted(info.filename)}, which inflates to {info.file_size} bytes,"
        self.allowance.take(info.file_size, what)
        values = np.empty(info.file_size, np.uint8)
        stream, filled, place, end = zlib.decompressobj(-zlib.MAX_WBITS), 0, start, start + info.compress_size
        while not stream.eof:
            given = stream.unconsumed_tail
            if not given:
                given = self.file.data[place : min(place + STEP, end)]
                place += len(given)
            part = stream.decompress(given, STEP)
            if not given and not part:
                break
            if filled + len(part) > info.file_size:
                raise RefusedError(
                    f"the member {quoted(info.filename)} inflates to more than its {info.file_size} bytes"
                )
            values[filled : filled + len(part)] = np.frombuffer(part, np.uint8)
            filled += len(part)
        if filled != info.file_size:
            raise RefusedError(f"the member {quoted(info.filename)} ends after {filled} of {info.file_size} bytes")
        values.flags.writeable = False
        return values


class _Reader:
    """The mapped file as the stream that `zipfile` reads the directory from."""

    def __init__(self, file: MappedFile) -> None:
        self.file = file
        self.place = 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, origin: int = 0) -> int:
        place = offset + (0, self.place, self.file.size)[origin]
        if place < 0:
            raise OSError("a place before the file")
        self.place = place
        return place

    def tell(self) -> int:
        return self.place

    def read(self, count: int = -1) -> bytes:
        stop = self.file.size if count < 0 else min(self.place + count, self.file.size)
        values = self.file.data[self.place : stop]
        self.place += len(values)
        return values

    def close(self) -> None:
        pass
