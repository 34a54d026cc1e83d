"""Suppression and overlaps of boxes beside OpenCV and the plain greedy loop in NumPy."""

import numpy as np

import segalgo
from benchmarks.harness import peer


def boxes_of(count: int, side: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Return random boxes of up to `side` pixels on a picture of 800 x 1088, and their scores."""
    rng = np.random.default_rng(0)
    center, size = rng.random((count, 2)) * (1088, 800), rng.random((count, 2)) * side + 4
    boxes = np.concatenate([center - size / 2, center + size / 2], axis=1).astype(np.float32)
    return boxes, rng.random(count).astype(np.float32)


class Nms:
    """Boxes of one class, IoU above 0.5."""

    param_names = ("implementation", "count")
    params = (("segalgo", "cv2", "numpy"), (1000, 5000, 20000))

    def setup(self, implementation, count):
        boxes, scores = boxes_of(count)
        kept = segalgo.nms(boxes, scores, 0.5)
        if implementation == "segalgo":
            self.call = lambda: segalgo.nms(boxes, scores, 0.5)
        elif implementation == "cv2":
            sized = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1).tolist()
            listed, suppress = scores.tolist(), peer("cv2").dnn.NMSBoxes
            self.call = lambda: suppress(sized, listed, 0.0, 0.5)
        else:
            with segalgo.use_backend("reference"):
                assert np.array_equal(segalgo.nms(boxes, scores, 0.5), kept)

            def greedy():
                with segalgo.use_backend("reference"):
                    return segalgo.nms(boxes, scores, 0.5)

            self.call = greedy

    def time_nms(self, implementation, count):
        self.call()


class BoxIou:
    """1,000 x 1,000 boxes; PyTorch by the formula of torchvision."""

    param_names = ("implementation",)
    params = (("segalgo", "torch"),)

    def setup(self, implementation):
        boxes, _ = boxes_of(1000)
        if implementation == "segalgo":
            self.call = lambda: segalgo.box_iou(boxes, boxes)
            return
        torch = peer("torch")
        x = torch.from_numpy(boxes)

        def formula():
            size = (torch.min(x[:, None, 2:], x[:, 2:]) - torch.max(x[:, None, :2], x[:, :2])).clamp(min=0)
            common = size[..., 0] * size[..., 1]
            area = (x[:, 2] - x[:, 0]) * (x[:, 3] - x[:, 1])
            return common / (area[:, None] + area - common)

        assert np.array_equal(formula().numpy(), segalgo.box_iou(boxes, boxes))
        self.call = formula

    def time_box_iou(self, implementation):
        self.call()
