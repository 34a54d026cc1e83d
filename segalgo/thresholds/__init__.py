"""Thresholds: global ones from a histogram, local ones from windows, binarization.

Shared parameters
-----------------
Global thresholds (`threshold_otsu`, `threshold_multiotsu`, `threshold_yen`, `threshold_entropy`, `threshold_triangle`,
`threshold_minimum`, `threshold_isodata`, `threshold_mean`, `threshold_li`) share these parameters:

image : array of any shape, optional
    bool, integers or floats; NumPy or CuPy. Ignored where `hist` is given. Masked elements of a `numpy.ma` array are
    left out.
nbins : int, default 256
    Number of bins of the histogram of a float (or bool) image, from its smallest to its largest value. Histograms of
    integer images have one bin for each value.
hist : array, or pair of arrays, optional
    A histogram to use instead of an image: counts, or counts and the centers of their bins (0, 1, 2 ... if not given).
mask : bool array of the shape of `image`, optional
    The pixels to use (True); all by default. Not allowed together with `hist`.

Local thresholds (`threshold_niblack`, `threshold_sauvola`, `threshold_wolf`, `threshold_bradley`,
`threshold_phansalkar`) share these:

image : array of any shape
    bool, integers or finite floats; NumPy or CuPy.
window_size : int or sequence of int, default 15
    Odd size of the window along each axis; one integer is used for all axes. Beyond the border the image is mirrored
    without repeating its last row.

Results
-------
The threshold of an integer image is int64 (uint64 for uint64 images), whatever its values, that of a bool image
float64; `threshold_li` and `threshold_mean` return float64 for both. Thresholds of float images have the dtype of the
image. NaN is an error, except in `threshold_li`, which leaves it out as scikit-image does. Results in special cases:

================================ ======================= ===================== =============== ================
image                            otsu, yen, isodata,     li                    mean            multiotsu
                                 triangle, entropy (1)
================================ ======================= ===================== =============== ================
no pixel (or none in the mask)   ValueError              ValueError            ValueError      ValueError
one pixel, or one value          the value               the value             the value       ValueError
two values, integer              low to high - 1 (2)     between the two       between         (low,), 2 classes
two values, float or bool        a center between        between the two       between         center, 2 classes
two neighbouring floats          the lower               the lower             one of them     ValueError
integers 2^28 or more apart      ValueError              ValueError            the mean        ValueError
infinity alone                   the infinity            the infinity          the infinity    ValueError
infinity among finite values     ValueError              of the finite ones    the infinity    ValueError
both infinities                  ValueError              0, or of the finite   ValueError      ValueError
NaN                              ValueError              of the others         ValueError      ValueError
nothing but NaN                  ValueError              NaN                   ValueError      ValueError
16 bits, few levels              a bin per value         a level's means       the mean        a level each
================================ ======================= ===================== =============== ================

(1) `threshold_minimum` agrees with these where two peaks remain, and raises RuntimeError for one value or two.
(2) Up to high for the triangle, as in scikit-image.

Local thresholds of an image without pixels are empty arrays; NaN and infinities are errors there.
"""
