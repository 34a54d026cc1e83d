"""What a file is, told by its first and last bytes: for files that are no weights, or not those of their name."""

from segalgo.models.files.mapped_file import MappedFile
from segalgo.models.files.weights_error import RefusedError, quoted

LFS = b"version https://git-lfs.github.com/spec/"
TENSORFLOW_TABLE = bytes.fromhex("57fb808b247547db")  # the last bytes of TensorFlow's checkpoints and indices
# First bytes, and what begins with them.
FOREIGN = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras, h5py), expected weights of PyTorch, safetensors or .npz"),
    (b"\x93NUMPY", "a single NumPy array (.npy), expected several with names (.npz)"),
    (b"\x1f\x8b", "compressed with gzip: unpack it first"),
    (b"BZh", "compressed with bzip2: unpack it first"),
    (b"\xfd7zXZ\x00", "compressed with xz: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first"),
    (b"Rar!", "a RAR archive: unpack it first"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GGUF", "a GGUF file, expected weights of PyTorch, safetensors or .npz"),
    (b"model_checkpoint_path:", "the index of a TensorFlow checkpoint, expected weights of PyTorch"),
)
PAGE = (b"<!doctype html", b"<html", b"<head", b"<body")


def kind_of(file: MappedFile) -> str:
    """Return "zip", "pickle" or "safetensors".

    Raises
    ------
    RefusedError
        If the file is something else; the message says what.
    """
    head = file.data[:1024]
    for begins, what in FOREIGN:
        if head.startswith(begins):
            raise RefusedError(f"is {what}")
    if head.startswith(LFS):
        raise RefusedError(
            f"is a git-lfs pointer of {file.size} bytes, not the file that it stands for: get that with `git lfs pull`"
        )
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(PAGE) or (text.startswith((b"<!--", b"<?xml")) and b"<html" in text):
        raise RefusedError("is an HTML page, as a server sends it in place of a file: open the address in a browser")
    if text.startswith(b"<?xml"):
        raise RefusedError("is an XML document, as a server sends it in place of a file")
    if head[257:262] == b"ustar":
        raise RefusedError("is a tar archive of files: unpack it first" + _old_tar(head))
    if head[4:8] == b"TFL3":
        raise RefusedError("is a TensorFlow Lite model: segalgo.models.from_tflite reads it, named .tflite")
    if file.data[max(0, file.size - 8) :] == TENSORFLOW_TABLE:
        raise RefusedError("is a TensorFlow checkpoint, expected weights of PyTorch, safetensors or .npz")
    if head.startswith(b"PK"):
        return "zip"
    if head[8:9] == b"{" and head[3:8] == bytes(5):
        return "safetensors"
    if text.startswith((b"{", b"[")) and head.isascii():
        raise RefusedError(f"is a JSON text, not weights ({quoted(head[:60].decode('ascii').strip())})")
    return "pickle"


def _old_tar(head: bytes) -> str:
    first = head[:100].rstrip(b"\0").rpartition(b"/")[2]
    if first in (b"sys_info", b"storages", b"tensors", b"pickle"):
        return "; or, if PyTorch 0.1 wrote it, load it with PyTorch and save it again"
    return ""
