"""Read picture files: one way for arrays, label maps, data sets and commands."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from segalgo.pictures.errors import PictureError, PictureWarning, UnreadableError
from segalgo.pictures.limits import check_size
from segalgo.pictures.netpbm import open_netpbm
from segalgo.pictures.opened import OpenedPicture, upright
from segalgo.pictures.pillow import open_bmp, open_gif, open_jpeg, open_jpeg2000, open_png, open_webp
from segalgo.pictures.tiff import open_tiff

# The first bytes of a file name its format; its suffix need not be right.
SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", open_png),
    (b"\xff\xd8\xff", open_jpeg),
    (b"GIF87a", open_gif),
    (b"GIF89a", open_gif),
    (b"BM", open_bmp),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", open_jpeg2000),
    (b"\xff\x4f\xff\x51", open_jpeg2000),
    (b"II*\0", open_tiff),
    (b"MM\0*", open_tiff),
    (b"II+\0", open_tiff),
    (b"MM\0+", open_tiff),
    *((b"P%d" % kind + blank, open_netpbm) for kind in range(1, 7) for blank in (b"\n", b" ", b"\t", b"\r", b"#")),
)
FORMATS = "PNG, JPEG, TIFF, GIF, BMP, WebP, JPEG 2000, PBM, PGM, PPM"


def read_picture(
    path: str | Path, *, page: int | None = None, channel: int | None = None, max_pixels: int | None = None
) -> np.ndarray:
    """Read a picture file as it is displayed: PNG, JPEG, TIFF, GIF, BMP, WebP, JPEG 2000, PBM, PGM, PPM.

    The page `Picture files` of the documentation has a table of what is read from which format.

    Parameters
    ----------
    path : str or Path
        The file. Its first bytes name its format, whatever its suffix.
    page : int, optional
        The page of a TIFF or the frame of an animation, from 0. If not given, stacks of pages of one size are refused,
        and of other files the first page or frame is read, with a warning.
    channel : int, optional
        Read this channel alone, from 0: a band of a TIFF of many, or one of red, green, blue.
    max_pixels : int, optional
        Read a picture of up to so many pixels, whatever the size of its file. By default the limit is `use_max_pixels`,
        else 178,956,970 pixels, and 64 MiB or 256 times the size of the file.

    Returns
    -------
    array, (H, W), (H, W, 2), (H, W, 3) or (H, W, 4)
        Grey, grey and opacity, RGB, or RGB and opacity. bool, integers or floats, as the file has them; integers of 9
        to 16 bits are uint16. Palettes and CMYK are converted to RGB, the orientation of EXIF is applied.

    Raises
    ------
    PictureError
        If the file is missing, empty, damaged, no picture, a stack of pictures, or too large; the message names file
        and reason.
    TypeError
        If `page`, `channel` or `max_pixels` is no integer.

    Warns
    -----
    PictureWarning
        If the file can be read in more than one way; the message says what was decided.

    Examples
    --------
    >>> import os, skimage, segalgo
    >>> coins = os.path.join(os.path.dirname(skimage.__file__), "data", "coins.png")
    >>> segalgo.read_picture(coins).shape
    (303, 384)
    """
    _check_integers(page=page, channel=channel, max_pixels=max_pixels)
    with _opened(path, page, max_pixels) as picture:
        if channel is not None and picture.read_band is not None:
            values = picture.read_band(channel)
        else:
            values = _without_empty_axis(picture.decode(False))
            if channel is not None:
                values = values[..., None] if values.ndim == 2 else values
                if not 0 <= channel < values.shape[2]:
                    raise UnreadableError(f"has no channel {channel}: there are {values.shape[2]}, counted from 0")
                values = values[..., channel]
        return upright(values, picture.orientation)


def read_labels(
    path: str | Path, *, page: int | None = None, colors: bool = False, max_pixels: int | None = None
) -> np.ndarray:
    """Read a label map: palette indices and grey values as numbers, never the colors of a palette.

    Parameters
    ----------
    path : str or Path
        The file, of a format that keeps values: not JPEG, lossy WebP or JPEG 2000.
    page, max_pixels : int, optional
        As in `read_picture`.
    colors : bool, default False
        Return a picture in colors as it is, for maps whose labels are colors.

    Returns
    -------
    array, (H, W), or with `colors` (H, W, 3)
        Integers as the file has them. Floats that are all whole become int64, pictures in colors whose channels are
        equal become grey, bool becomes uint8 with values 0 and 1.

    Raises
    ------
    PictureError
        If the file cannot be read, its compression changes values, or it holds colors or fractions.
    TypeError
        If `page` or `max_pixels` is no integer.

    Examples
    --------
    >>> import numpy as np, os, segalgo, tempfile
    >>> from segalgo.pictures import read_labels
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = segalgo.write_label_map(os.path.join(folder, "labels"), np.array([[0, 1], [2, 300]]))
    ...     read_labels(path)
    array([[  0,   1],
           [  2, 300]], dtype=uint16)
    """
    _check_integers(page=page, max_pixels=max_pixels)
    with _opened(path, page, max_pixels) as picture:
        if picture.lossy:
            raise UnreadableError(
                f"is {picture.format}, whose compression changes values, so that labels are lost: expected PNG or TIFF"
            )
        values = _without_empty_axis(picture.decode(True))
        if values.ndim == 3:
            values = _single_channel(values, colors)
        if values.dtype == bool:
            values = values.astype(np.uint8)
        if values.dtype.kind == "f":
            values = _whole(values)
        return upright(values, picture.orientation)


def read_indexed(path: str | Path, max_pixels: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices (H, W) and the colors (n, 3) of a picture with a palette."""
    with _opened(path, None, max_pixels) as picture:
        if picture.palette is None:
            raise UnreadableError("has no palette, expected a palette picture")
        indices = picture.decode(True)
        return upright(indices.astype(np.uint8), picture.orientation), picture.palette()


def picture_size(path: str | Path, *, page: int | None = None) -> tuple[int, int]:
    """Return height and width of a picture as it is displayed, from the header of its file."""
    with _opened(path, page, None, check=False) as picture:
        return picture.size


def count_pages(path: str | Path) -> int:
    """Return how many pages a TIFF has, or frames an animation."""
    with _opened(path, 0, None, check=False) as picture:
        return picture.pages


def is_grey(path: str | Path) -> bool:
    """Return whether a picture has grey values and no colors, from the header of its file."""
    with _opened(path, None, None, check=False) as picture:
        return picture.grey


def _single_channel(values: np.ndarray, colors: bool) -> np.ndarray:
    """Return the one channel of labels that were saved as grey and opacity, RGB or RGBA."""
    opacity = values[..., -1] if values.shape[2] in (2, 4) else None
    if opacity is not None and (opacity != opacity.flat[0]).any():
        raise UnreadableError("is transparent in places: expected labels, indices of a palette or grey")
    shown = values[..., :3] if values.shape[2] >= 3 else values[..., :1]
    if shown.shape[2] == 1 or (not colors and (shown == shown[..., :1]).all()):
        return shown[..., 0]
    if not colors:
        i, j = np.argwhere((shown != shown[..., :1]).any(axis=2))[0].tolist()
        raise UnreadableError(
            f"holds colors, such as {shown[i, j].tolist()} at row {i}, column {j}: expected labels, indices of a "
            "palette or grey"
        )
    return shown


def _whole(values: np.ndarray) -> np.ndarray:
    """Return floats as integers where all of them are whole."""
    # Beyond 2^53 not every integer is a float64, so the value may have been rounded.
    wrong = ~(np.abs(values) <= 2.0**53) | (np.floor(values) != values)
    if wrong.any():
        place = tuple(np.argwhere(wrong)[0].tolist())
        raise UnreadableError(f"holds {values[place]} at {list(place)}: expected labels, whole numbers")
    return values.astype(np.int64)


def _without_empty_axis(values: np.ndarray) -> np.ndarray:
    return values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values


def _check_integers(**arguments: object) -> None:
    for name, value in arguments.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | np.integer)):
            raise TypeError(f"{name}={value!r}: expected an integer")


@contextmanager
def _opened(path: str | Path, page: int | None, max_pixels: int | None, check: bool = True) -> Iterator[OpenedPicture]:
    """Open a picture, hand it out after its size was checked, and close it; whatever goes wrong names the file."""
    path = Path(path)
    try:
        if path.is_dir():
            raise PictureError(f"{path}: is a folder, expected a picture file")
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a decoder's remarks on metadata; what it cannot decode it raises
            start = file.read(16)
            if not start:
                raise PictureError(f"{path}: cannot be read as a picture, it is empty (0 bytes)")
            picture = _opener(path, start)(_rewound(file), page)
            if check:
                check_size(path, *picture.stored_size, picture.pixel_bytes, file.seek(0, 2), max_pixels)
            yield picture
    except PictureError:
        raise
    except UnreadableError as error:
        raise PictureError(f"{path}: {error}") from None
    except FileNotFoundError:
        raise PictureError(f"{path}: no such file") from None
    except PermissionError:
        raise PictureError(f"{path}: may not be read (permission denied)") from None
    except MemoryError:
        raise PictureError(f"{path}: does not fit into memory") from None
    except RecursionError:
        raise PictureError(f"{path}: is nested too deeply") from None
    except Exception as error:  # every decoder has error types of its own
        raise PictureError(f"{path}: cannot be read as a picture ({_reason(error)})") from error
    for decision in picture.decisions if check else ():
        warnings.warn(f"{path}: {decision}", PictureWarning, stacklevel=4)


def _rewound(file):
    file.seek(0)
    return file


def _opener(path: Path, start: bytes):
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return open_webp
    for signature, opener in SIGNATURES:
        if start.startswith(signature):
            return opener
    raise PictureError(f"{path}: cannot be read as a picture (not a picture, or a damaged one; expected {FORMATS})")


def _reason(error: Exception) -> str:
    """Return one short line of a decoder's error."""
    text = str(error).strip().splitlines()
    line = text[0] if text else type(error).__name__
    if "cannot identify image file" in line or isinstance(
        error, KeyError | IndexError | AttributeError | AssertionError
    ):
        return "it is damaged"
    return line[:300]
