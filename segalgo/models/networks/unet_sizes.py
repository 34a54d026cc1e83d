"""Which picture sizes U-Net with unpadded convolutions takes, and what it makes of them."""


def fitting_size(n: int, depth: int) -> int:
    """Return the smallest size, at least n, of which every pooled map is even (depth 4: 16 m + 12, from 188)."""
    # The deepest block takes 4 cells, and what is doubled above it must outlast the 4 of each block there. From there
    # to the input each stage doubles and adds 4 again.
    least, rest = (7 if depth == 1 else 8), 0
    for _ in range(depth):
        least, rest = 2 * least + 4, 2 * rest + 4
    return max(least, n + (rest - n) % (1 << depth))


def margin(depth: int) -> int:
    """Return by how many cells the output is smaller than the input (depth 4: 184)."""
    # A block takes 4 cells of its own stage, each 2**stage cells of the input: two blocks a stage, one at the bottom.
    return 8 * ((1 << depth) - 1) + 4 * (1 << depth)
