"""Masks of boxes pasted into a picture, beside PyTorch by the formula of torchvision."""

import numpy as np

import segalgo
from benchmarks.harness import peer
from segalgo import masks as codes

SIZE = (800, 1088)


class PasteMasks:
    """100 masks of 28 x 28, boxes of up to 400 pixels: as arrays, as which cells exceed 0.5, and as codes."""

    param_names = ("implementation", "answer")
    params = (("segalgo", "torch"), ("float", "bool", "codes"))

    def setup(self, implementation, answer):
        rng = np.random.default_rng(0)
        masks = rng.random((100, 4, 4)).astype(np.float32).repeat(7, 1).repeat(7, 2)
        corner = rng.random((100, 2)) * (700, 500)
        boxes = np.concatenate([corner, corner + 20 + rng.random((100, 2)) * 380], axis=1)
        if implementation == "segalgo":
            threshold = None if answer == "float" else 0.5
            self.call = lambda: segalgo.paste_masks(masks, boxes, SIZE, threshold)
            if answer == "codes":
                self.call = lambda: codes.paste_masks_to_rles(masks, boxes, SIZE)
            return
        torch = peer("torch")
        module = peer("pycocotools.mask") if answer == "codes" else None
        given = torch.from_numpy(masks)

        def paste():
            padded = torch.nn.functional.pad(given, (1, 1, 1, 1))
            middle, half = (boxes[:, 2:] + boxes[:, :2]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2 * 30 / 28
            places = np.concatenate([middle - half, middle + half], axis=1).astype(int)
            pasted = []
            for mask, (left, top, right, bottom) in zip(padded, places.tolist(), strict=True):
                size = (bottom - top + 1, right - left + 1)
                scaled = torch.nn.functional.interpolate(mask[None, None], size, mode="bilinear")[0, 0]
                picture = torch.zeros(SIZE)
                rows, columns = slice(max(top, 0), min(bottom + 1, 800)), slice(max(left, 0), min(right + 1, 1088))
                picture[rows, columns] = scaled[: rows.stop - top, : columns.stop - left][
                    rows.start - top :, columns.start - left :
                ]
                pasted.append(picture)
            return torch.stack(pasted)

        assert np.allclose(paste().numpy(), segalgo.paste_masks(masks, boxes, SIZE), atol=1e-4)
        if answer == "float":
            self.call = paste
        elif answer == "bool":
            self.call = lambda: paste() > 0.5
        else:
            self.call = lambda: [module.encode(np.asfortranarray(m)) for m in (paste() > 0.5).numpy().view(np.uint8)]

    def time_paste_masks(self, implementation, answer):
        self.call()
