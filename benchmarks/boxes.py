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
            if count > 5000:
                raise NotImplementedError("a loop in NumPy over so many boxes takes minutes")
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


class BatchedNms:
    """Boxes of 80 classes, IoU above 0.5; OpenCV's own batched form."""

    param_names = ("implementation", "count")
    params = (("segalgo", "cv2"), (1000, 5000))

    def setup(self, implementation, count):
        boxes, scores = boxes_of(count)
        classes = np.random.default_rng(1).integers(0, 80, count)
        if implementation == "segalgo":
            self.call = lambda: segalgo.batched_nms(boxes, scores, classes, 0.5)
        else:
            sized = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1).tolist()
            listed, numbers, suppress = scores.tolist(), classes.tolist(), peer("cv2").dnn.NMSBoxesBatched
            self.call = lambda: suppress(sized, listed, numbers, 0.0, 0.5)

    def time_batched_nms(self, implementation, count):
        self.call()


def torch_encode(boxes, anchors):
    """Return the shifts and logarithms of sizes by the formula of Faster R-CNN."""
    torch = peer("torch")
    size, anchor_size = boxes[:, 2:] - boxes[:, :2], anchors[:, 2:] - anchors[:, :2]
    shift = boxes[:, :2] + size / 2 - (anchors[:, :2] + anchor_size / 2)
    return torch.cat([shift / anchor_size, torch.log(size / anchor_size)], dim=1)


def torch_decode(deltas, anchors):
    """Return the boxes that `torch_encode` came from."""
    torch = peer("torch")
    size = anchors[:, 2:] - anchors[:, :2]
    center = deltas[:, :2] * size + (anchors[:, :2] + size / 2)
    half = torch.exp(deltas[:, 2:].clamp(max=float(np.log(1000 / 16)))) * size / 2
    return torch.cat([center - half, center + half], dim=1)


def torch_clip(boxes, size):
    """Return boxes inside a picture."""
    torch = peer("torch")
    x, y = boxes[:, 0::2].clamp(0, size[1]), boxes[:, 1::2].clamp(0, size[0])
    return torch.stack([x, y], dim=2).reshape(-1, 4)


def torch_area(boxes):
    """Return the areas of boxes."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def torch_levels(boxes):
    """Return the level of a feature pyramid for each box."""
    torch = peer("torch")
    return torch.floor(4 + torch.log2(torch.sqrt(torch_area(boxes)) / 224) + 1e-6).clamp(2, 5).to(torch.int64)


class BoxArithmetic:
    """200,000 boxes: coding against anchors, areas, clipping, levels; PyTorch by the formulas of torchvision."""

    param_names = ("implementation", "operation")
    params = (("segalgo", "torch"), ("encode_boxes", "decode_boxes", "clip_boxes", "box_area", "fpn_levels"))

    def setup(self, implementation, operation):
        boxes, _ = boxes_of(200_000)
        anchors = boxes[::-1].copy()
        arguments = {
            "encode_boxes": (boxes, anchors),
            "decode_boxes": (segalgo.encode_boxes(boxes, anchors), anchors),
            "clip_boxes": (boxes, (800, 1088)),
            "box_area": (boxes,),
            "fpn_levels": (boxes,),
        }[operation]
        ours = getattr(segalgo, operation)
        if implementation == "segalgo":
            self.call = lambda: ours(*arguments)
            return
        formula = {
            "encode_boxes": torch_encode,
            "decode_boxes": torch_decode,
            "clip_boxes": torch_clip,
            "box_area": torch_area,
            "fpn_levels": torch_levels,
        }[operation]
        from_numpy = peer("torch").from_numpy
        given = [from_numpy(each) if isinstance(each, np.ndarray) else each for each in arguments]
        np.testing.assert_allclose(formula(*given).numpy(), ours(*arguments), rtol=1e-4, atol=1e-2)
        self.call = lambda: formula(*given)

    def time_box_arithmetic(self, implementation, operation):
        self.call()


class TopK:
    """The 1,000 largest of 200,000 scores, in order."""

    param_names = ("implementation",)
    params = (("segalgo", "torch", "numpy"),)

    def setup(self, implementation):
        scores = np.random.default_rng(0).random(200_000).astype(np.float32)
        values = segalgo.topk(scores, 1000)[0]
        if implementation == "segalgo":
            self.call = lambda: segalgo.topk(scores, 1000)
        elif implementation == "torch":
            torch = peer("torch")
            x = torch.from_numpy(scores)
            assert np.array_equal(torch.topk(x, 1000).values.numpy(), values)
            self.call = lambda: torch.topk(x, 1000)
        else:
            self.call = lambda: np.argsort(-scores, kind="stable")[:1000]

    def time_topk(self, implementation):
        self.call()
