"""TIFF: which page is read, and what its samples mean."""

import logging
from typing import Any, BinaryIO

import numpy as np

from segalgo.pictures import tiff_pages as tags
from segalgo.pictures.errors import UnreadableError
from segalgo.pictures.opened import OpenedPicture, known_orientation
from segalgo.pictures.tiff_pages import ASSOCIATED, UNASSOCIATED, Page, full_pages, read_pages
from segalgo.pictures.tiff_pixels import LOSSY, read_samples, sample_bits, sample_dtype

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, SEPARATED, YCBCR, CIE_LAB, ICC_LAB = 0, 1, 2, 3, 4, 5, 6, 8, 9
JPEG = 7
CMYK_INKS = 1


def open_tiff(file: BinaryIO, page: int | None) -> OpenedPicture:
    """Read the tags of a TIFF or BigTIFF, and choose its page."""
    pages = full_pages(read_pages(file))
    decisions: list[str] = []
    if page is None:
        chosen = pages[0]
        if len(pages) > 1 and all(other.shape == chosen.shape for other in pages):
            height, width, _ = chosen.shape
            raise UnreadableError(
                f"is a stack of {len(pages)} pictures of {height} x {width} pixels; page=k (--page k) reads one, "
                "counted from 0"
            )
        if len(pages) > 1:
            decisions.append(
                f"holds {len(pages)} pages of different sizes, the first is read; page=k (--page k) reads page k, "
                "counted from 0"
            )
    elif not 0 <= page < len(pages):
        raise UnreadableError(f"has no page {page}: there are {len(pages)}, counted from 0")
    else:
        chosen = pages[page]
    height, width, samples = chosen.shape
    if not 1 <= samples <= 2**12:
        raise ValueError(f"it has {samples} samples a pixel")
    if chosen.value(tags.DEPTH, 1) > 1:
        raise UnreadableError(f"is a volume of {chosen.value(tags.DEPTH, 1)} slices")
    photometric = chosen.value(tags.PHOTOMETRIC, BLACK_IS_ZERO)
    opened = OpenedPicture(
        "TIFF",
        (height, width),
        sample_dtype(chosen).itemsize * samples + (4 if photometric == PALETTE else 0),
        lambda labels: _meaning(chosen, photometric, _samples(file, chosen), labels, decisions),
        known_orientation(chosen.value(tags.ORIENTATION, 1)),
        chosen.value(tags.COMPRESSION, 1) in LOSSY,
        photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO, MASK) and samples == 1,
        decisions,
    )
    opened.pages = len(pages)
    if photometric == PALETTE:
        opened.palette = lambda: _palette(chosen)
    # The channels of a palette picture are those of its colors, unless it has bands beside them.
    if photometric != PALETTE or samples > (1 if _opacity_of(chosen) is None else 2):
        opened.read_band = lambda band: _band(chosen, photometric, _samples(file, chosen), band, decisions)
    return opened


def _band(page: Page, photometric: int, stored: np.ndarray, band: int, decisions: list[str]) -> np.ndarray:
    if not 0 <= band < stored.shape[2]:
        raise UnreadableError(f"has no channel {band}: there are {stored.shape[2]}, counted from 0")
    values = stored[..., band]
    return _inverted(values, sample_bits(page), decisions) if photometric == WHITE_IS_ZERO else values


def _samples(file: BinaryIO, page: Page) -> np.ndarray:
    """Decode a page, with imagecodecs where its compression is none of ours."""
    if page.value(tags.PHOTOMETRIC, BLACK_IS_ZERO) == YCBCR and page.value(tags.COMPRESSION, 1) not in LOSSY:
        across, down = [*page.values(tags.SUBSAMPLING, 2).tolist(), 1, 1][:2]
        if (across, down) != (1, 1):
            raise UnreadableError(
                f"is YCbCr with one color for {across} x {down} pixels, which is read only where it is compressed as "
                "JPEG: convert it to RGB first"
            )
    try:
        return read_samples(page)
    except NotImplementedError as error:
        import tifffile

        log = logging.getLogger("tifffile")
        before, log.disabled = log.disabled, True  # its remarks on tags would stand on stderr
        try:
            file.seek(0)
            with tifffile.TiffFile(file) as other:
                return other.pages[page.index].asarray().reshape(page.shape)
        except Exception:
            raise UnreadableError(
                f"its compression {error} needs imagecodecs (pip install imagecodecs), or another file"
            ) from None
        finally:
            log.disabled = before


def _meaning(page: Page, photometric: int, stored: np.ndarray, labels: bool, decisions: list[str]) -> np.ndarray:
    """Turn samples into a picture as it is displayed, or with `labels` into numbers where they are indices."""
    bits, samples = sample_bits(page), stored.shape[2]
    if photometric == PALETTE:
        if labels:
            return stored[..., 0]
        kept = 1 if samples == 1 or _opacity_of(page) is None else 2
        if samples > kept:
            decisions.append(f"has {samples} bands, the first {_counted(kept)} read: {_way_out(samples)}")
        shown = _with_palette(page, stored[..., 0])
        return shown if kept == 1 else np.dstack([shown, _in_8_bits(stored[..., 1], bits)])
    if photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO, MASK):
        if photometric == WHITE_IS_ZERO:
            if labels and stored.dtype.kind == "u":
                decisions.append(
                    f"says that white is zero: its labels are inverted as it is displayed, {2**bits - 1} - value"
                )
            stored = _inverted(stored, bits, decisions)
        if not labels and stored.dtype == np.uint8 and bits in (2, 4):
            stored = stored * np.uint8(255 // (2**bits - 1))
        colors = 1
    elif photometric == RGB or (photometric == YCBCR and page.value(tags.COMPRESSION, 1) == JPEG):
        colors = 3
    elif photometric == SEPARATED and page.value(tags.INK_SET, CMYK_INKS) == CMYK_INKS and samples >= 4:
        decisions.append("is CMYK, converted to RGB")
        inks = _without_unknown_bands(page, stored, 4, labels, decisions)
        return np.concatenate([_from_cmyk(inks[..., :4]), inks[..., 4:]], axis=2)
    elif photometric in (YCBCR, CIE_LAB, ICC_LAB) and samples >= 3:
        name = "YCbCr" if photometric == YCBCR else "L*a*b*"
        if stored.dtype.itemsize != 1 or stored.dtype.kind not in "ui":
            raise UnreadableError(
                f"is {name} of {bits} bits, which is read with 8 bits only: convert it to RGB with the program that "
                f"wrote it; channel=k (--channel k) reads one band"
            )
        decisions.append(f"is {name}, converted to RGB")
        bands = _without_unknown_bands(page, stored.view(np.uint8), 3, labels, decisions)
        return np.concatenate([_to_rgb(bands[..., :3], photometric), bands[..., 3:]], axis=2)
    else:
        raise UnreadableError(f"its photometric interpretation {photometric} with {samples} samples is not read")
    if samples < colors:
        raise ValueError(f"it has {samples} samples a pixel, expected {colors}")
    return _without_unknown_bands(page, stored, colors, labels, decisions)


def _to_rgb(colors: np.ndarray, photometric: int) -> np.ndarray:
    """Convert YCbCr or L*a*b* of 8 bits to RGB, as Pillow displays it."""
    from PIL import Image

    if photometric == CIE_LAB:  # a and b are signed; Pillow and ICC profiles have them 128 higher
        colors = colors ^ np.array([0, 128, 128], np.uint8)
    bands = [Image.fromarray(np.ascontiguousarray(colors[..., k])) for k in range(3)]
    return np.asarray(Image.merge("YCbCr" if photometric == YCBCR else "LAB", bands).convert("RGB"))


def _without_unknown_bands(
    page: Page, stored: np.ndarray, colors: int, labels: bool, decisions: list[str]
) -> np.ndarray:
    """Return the colors, and opacity where the file has it; of other bands, those that can be shown."""
    samples, opacity = stored.shape[2], _opacity_of(page)
    if samples == colors:
        return stored
    if opacity is not None:
        chosen = stored[..., : colors + 1]
        if samples > colors + 1:
            decisions.append(f"has {samples} bands, the first {_counted(colors + 1)} read: {_way_out(samples)}")
        return _without_premultiplication(chosen) if opacity == ASSOCIATED and not labels else chosen
    # Bands of unspecified meaning, such as near infrared: colors as far as the file says so, never opacity.
    kept = colors if colors > 1 else 3 if samples >= 3 else 1
    if samples > kept:
        decisions.append(f"has {samples} bands, the first {_counted(kept)} read: {_way_out(samples)}")
    elif colors == 1:
        decisions.append(f"has {samples} grey bands, taken as red, green and blue: {_way_out(samples)}")
    return stored[..., :kept]


def _opacity_of(page: Page) -> int | None:
    """Return `ASSOCIATED` or `UNASSOCIATED` where the first sample beside the colors is opacity, else None."""
    extra = page.values(tags.EXTRA_SAMPLES, 1)
    return int(extra[0]) if len(extra) and extra[0] in (ASSOCIATED, UNASSOCIATED) else None


def _in_8_bits(values: np.ndarray, bits: int) -> np.ndarray:
    """Return unsigned samples of up to 16 bits as the 8 bits that colors of a palette have: the largest becomes 255."""
    return ((values.astype(np.uint32) * 255 + (2**bits - 1) // 2) // (2**bits - 1)).astype(np.uint8)


def _counted(bands: int) -> str:
    return "is" if bands == 1 else f"{('two', 'three', 'four', 'five')[bands - 2]} are"


def _way_out(samples: int) -> str:
    return f"channel=k (--channel k) reads band k of 0 to {samples - 1}"


def _inverted(stored: np.ndarray, bits: int, decisions: list[str]) -> np.ndarray:
    """Return values in which white is the largest."""
    if stored.dtype == bool:
        return ~stored
    if stored.dtype.kind == "u":
        return stored.dtype.type(2**bits - 1) - stored
    decisions.append(f"says that white is zero; its values, {stored.dtype}, are not inverted")
    return stored


def _with_palette(page: Page, indices: np.ndarray) -> np.ndarray:
    if indices.dtype.kind not in "bu":
        raise ValueError(f"its palette has indices of {indices.dtype}")
    return _palette(page)[indices.astype(np.uint16)]


def _palette(page: Page) -> np.ndarray:
    table, count = page.values(tags.COLOR_MAP), 2 ** min(sample_bits(page), 16)
    if len(table) < 3 * count:
        raise ValueError(f"its palette has {len(table)} values, expected {3 * count}")
    # The standard has 16 bits; writers that put 8 there leave the upper half empty.
    colors = table[: 3 * count].reshape(3, -1).T
    return (colors if colors.max() < 256 else colors >> 8).astype(np.uint8)


def _from_cmyk(inks: np.ndarray) -> np.ndarray:
    """Convert shares of ink to RGB: what cyan and black leave of red, and so on."""
    if inks.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"CMYK of {inks.dtype} is not read")
    full = np.uint64(np.iinfo(inks.dtype).max)
    left = full - inks.astype(np.uint64)
    return ((left[..., :3] * left[..., 3:] + full // np.uint64(2)) // full).astype(inks.dtype)


def _without_premultiplication(picture: np.ndarray) -> np.ndarray:
    """Divide colors by the opacity that they were multiplied with."""
    if picture.dtype.kind not in "uf":
        return picture
    full: Any = np.iinfo(picture.dtype).max if picture.dtype.kind == "u" else 1.0
    opacity = picture[..., -1:].astype(np.float64)
    colors = np.divide(
        picture[..., :-1] * np.float64(full), opacity, out=np.zeros(picture[..., :-1].shape), where=opacity > 0
    )
    colors = np.clip(np.rint(colors), 0, full) if picture.dtype.kind == "u" else colors
    return np.concatenate([colors.astype(picture.dtype), picture[..., -1:]], axis=2)
