"""Train the networks that segalgo ships. The only part of segalgo that needs PyTorch.

    python recipes/train.py segnet-camvid --data PATH/camvid --out runs/segnet-camvid
    python recipes/train.py unet-membrane --data PATH/membrane --out runs/unet-membrane
    python recipes/train.py person --data PATH/pennfudan --out runs/person --width 8 --rate 4e-3 --batch 16 --float32

Writes ``checkpoint.pt`` every few minutes (a run that is started again goes on from it), ``log.txt``, and at the end
``weights.safetensors`` (an exponential moving average of the weights, stored as float16) with the scores on the
pictures that were held out. A GPU is used where there is one.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from networks import SegNet, UNet
from persons import held_out, names_in
from safetensors.torch import save_file
from skimage.io import imread
from torch import nn
from torch.nn import functional

# Median-frequency class weights of the SegNet authors for CamVid's 367 training pictures.
CAMVID_WEIGHTS = (0.2595, 0.1826, 4.5640, 0.1417, 0.9051, 0.3826, 9.6446, 1.8418, 0.6823, 6.2478, 7.3614)
IGNORE = 255


def read_folder(folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all pictures (N, C, H, W) and label maps (N, H, W) of a folder, both uint8."""
    images = [np.atleast_3d(imread(path)) for path in sorted((folder / "images").iterdir())]
    labels = [imread(path) for path in sorted((folder / "labels").iterdir())]
    return torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).copy()), torch.from_numpy(np.stack(labels))


class CamVid:
    """SegNet on CamVid: random scale, crop, mirror and color; square roots of median-frequency class weights.

    The network sees pictures of half the size (means of 2 x 2 pixels), which cost a quarter of the time; its logits
    are enlarged to the whole size.
    """

    reduction = 2

    def __init__(self, data: Path, arguments: argparse.Namespace) -> None:
        self.train, self.held_out = read_folder(data / "train"), read_folder(data / "val")
        for _, labels in (self.train, self.held_out):
            labels[labels == 11] = IGNORE
        self.model = SegNet(3, 11, tuple(arguments.widths))
        self.class_weights = torch.tensor(CAMVID_WEIGHTS).sqrt()
        self.description = {"architecture": "segnet", "widths": arguments.widths, "reduction": self.reduction}

    @staticmethod
    def prepare(images: torch.Tensor) -> torch.Tensor:
        """Return uint8 pictures as float32, about -1 to 1."""
        return (images.float() - 127.5) / 64

    def sample(self, generator: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Return one picture (C, 160, 224) and its label map."""
        height, width = 160, 224
        k = generator.integers(len(self.train[0]))
        image, label = self.train[0][k].float(), self.train[1][k]
        scale = max(generator.uniform(0.4, 0.75), height / image.shape[1], width / image.shape[2])
        rows, columns = min(round(height / scale), image.shape[1]), min(round(width / scale), image.shape[2])
        i = generator.integers(image.shape[1] - rows + 1)
        j = generator.integers(image.shape[2] - columns + 1)
        image, label = image[:, i : i + rows, j : j + columns], label[i : i + rows, j : j + columns]
        image = functional.interpolate(image[None], (height, width), mode="bilinear", antialias=True)[0]
        label = functional.interpolate(label[None, None].float(), (height, width), mode="nearest-exact")[0, 0]
        if generator.random() < 0.5:
            image, label = image.flip(-1), label.flip(-1)
        mean = image.mean()
        image = (image - mean) * generator.uniform(0.7, 1.3) + mean * generator.uniform(0.7, 1.3)
        image = image * torch.from_numpy(generator.uniform(0.9, 1.1, (3, 1, 1)).astype(np.float32))
        return image.clamp(0, 255), label.long()

    def scores(self, logits_of) -> dict[str, float]:
        """Return global accuracy and mean IoU over 11 classes on the held-out pictures."""
        matrix = torch.zeros(11, 11, dtype=torch.int64)
        for image, label in zip(*self.held_out, strict=True):
            logits = logits_of(self.prepare(functional.avg_pool2d(image[None].float(), self.reduction)))
            prediction = functional.interpolate(logits, label.shape, mode="bilinear")[0].argmax(0)
            known = label != IGNORE
            matrix += torch.bincount(11 * label[known].long() + prediction[known], minlength=121).view(11, 11)
        hit, union = matrix.diag().double(), (matrix.sum(0) + matrix.sum(1) - matrix.diag()).double()
        iou = (hit / union).tolist()
        return {"accuracy": (hit.sum() / matrix.sum()).item(), "mean_iou": sum(iou) / 11, "iou": iou}


class Membrane:
    """U-Net on membranes: symmetries of the square, elastic deformation, exposure; 5 slices held out."""

    def __init__(self, data: Path, arguments: argparse.Namespace) -> None:
        images, labels = read_folder(data)
        labels = (labels > 127).to(torch.uint8)
        # The last slices of the stack in one piece: neighbours look alike, so scattered ones would flatter.
        self.train, self.held_out = (images[:19], labels[:19]), (images[19:], labels[19:])
        self.model = UNet(1, 2, arguments.width, 4)
        self.class_weights = torch.ones(2)
        self.description = {"architecture": "unet", "width": arguments.width}

    prepare = staticmethod(CamVid.prepare)

    def sample(self, generator: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a crop of 256 x 256, turned, mirrored, bent and brightened at random."""
        side = 256
        k = generator.integers(len(self.train[0]))
        image, label = self.train[0][k].float()[None], self.train[1][k].float()[None, None]
        if generator.random() < 0.5:  # sharp as it is; else bent, which blurs a little
            i, j = generator.integers(512 - side + 1, size=2)
            image, label = image[0, :, i : i + side, j : j + side], label[0, 0, i : i + side, j : j + side]
        else:
            image, label = self.bent(image, label, side, generator)
        turns = int(generator.integers(4))
        image, label = image.rot90(turns, (1, 2)), label.rot90(turns, (0, 1))
        if generator.random() < 0.5:
            image, label = image.flip(-1), label.flip(-1)
        return self.exposed(image, generator), label.long()

    @staticmethod
    def bent(
        image: torch.Tensor, label: torch.Tensor, side: int, generator: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a random part of a picture and its label map, turned a little, zoomed and bent."""
        # A smooth random displacement of a few pixels (Ronneberger et al. 2015, section 3.1), and a random zoom.
        shift = torch.from_numpy(generator.normal(0, 4 * 2 / 512, (1, 2, 5, 5)).astype(np.float32))
        shift = functional.interpolate(shift, (side, side), mode="bicubic", align_corners=True)[0].permute(1, 2, 0)
        half = side / 512 * generator.uniform(0.85, 1.2)
        angle = generator.uniform(-0.3, 0.3)
        i, j = generator.uniform(-1 + half, 1 - half, 2)
        line = torch.linspace(-half, half, side)
        y, x = torch.meshgrid(line, line, indexing="ij")
        cos, sin = math.cos(angle), math.sin(angle)
        grid = torch.stack([j + cos * x - sin * y, i + sin * x + cos * y], dim=-1) + shift
        image = functional.grid_sample(image, grid[None], padding_mode="reflection", align_corners=False)[0]
        label = functional.grid_sample(
            label, grid[None], mode="nearest", padding_mode="reflection", align_corners=False
        )[0, 0]
        return image, label

    @staticmethod
    def exposed(image: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
        """Return a picture with other contrast, brightness, gamma and grain."""
        mean = image.mean()
        image = (image - mean) * generator.uniform(0.7, 1.3) + mean + generator.uniform(-25, 25)
        image = 255 * (image.clamp(0, 255) / 255) ** generator.uniform(0.8, 1.25)
        grain = torch.from_numpy(generator.normal(0, generator.uniform(0, 6), image.shape).astype(np.float32))
        return (image + grain).clamp(0, 255)

    def scores(self, logits_of) -> dict[str, float]:
        """Return pixel error and Dice of the cell interior, averaged over the eight symmetries of each picture."""
        wrong = both = either = 0
        for image, label in zip(*self.held_out, strict=True):
            total = torch.zeros(2, *label.shape)
            for turns in range(4):
                for mirror in (False, True):
                    x = self.prepare(image[None]).rot90(turns, (2, 3))
                    y = logits_of(x.flip(-1) if mirror else x).softmax(1)[0]
                    total += (y.flip(-1) if mirror else y).rot90(-turns, (1, 2))
            prediction = total.argmax(0)
            wrong += (prediction != label).sum().item()
            both += 2 * (prediction * label).sum().item()
            either += (prediction.sum() + label.sum()).item()
        return {"pixel_error": wrong / self.held_out[1].numel(), "dice": both / either}


class Persons:
    """U-Net on pedestrians: random size, mirror and colour, and persons of other pictures pasted in.

    The network sees pictures at half their size; its logits are enlarged to the whole size.
    """

    reduction = 2
    side = 144

    def __init__(self, data: Path, arguments: argparse.Namespace) -> None:
        names = names_in(data)
        kept_apart = held_out(names)
        pictures = {name: self.read(data, name) for name in names}
        self.held_out = [pictures[name] for name in names if name in kept_apart]
        self.train = [pictures[name] for name in names if name not in kept_apart]
        self.model = UNet(3, 2, arguments.width, 4)
        self.class_weights = torch.ones(2)
        self.description = {"architecture": "unet", "width": arguments.width, "reduction": self.reduction}

    @staticmethod
    def read(data: Path, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a picture (3, H, W) and the number of the person at each pixel (H, W), 0 for none."""
        image = imread(data / "images" / f"{name}.jpg")
        return torch.from_numpy(image.transpose(2, 0, 1).copy()), torch.from_numpy(
            imread(data / "instances" / f"{name}.png")
        )

    prepare = staticmethod(CamVid.prepare)

    def sample(self, generator: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a part of a picture (3, side, side) and its label map: 1 is person."""
        image, label = self.part(generator)
        for _ in range(generator.integers(3)):
            other, persons = self.part(generator)
            numbers = persons.unique()
            numbers = numbers[numbers > 0]
            if len(numbers) == 0:
                continue
            pasted = persons == numbers[generator.integers(len(numbers))]
            shift = int(generator.integers(-self.side // 3, self.side // 3 + 1))
            pasted, other = pasted.roll(shift, 1), other.roll(shift, 2)
            edge = functional.avg_pool2d(pasted[None].float(), 3, 1, 1)
            image = image * (1 - edge) + other * edge
            label = torch.where(pasted, 1, label)
        if generator.random() < 0.1:
            image = image.mean(0, keepdim=True).expand(3, -1, -1)
        image = image * torch.from_numpy(generator.uniform(0.85, 1.15, (3, 1, 1)).astype(np.float32))
        return Membrane.exposed(image, generator), (label > 0).long()

    def part(self, generator: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a square part of a random picture, reduced to about a third, mirrored or not, turned a little."""
        image, label = self.train[generator.integers(len(self.train))]
        zoom = math.exp(generator.uniform(math.log(0.18), math.log(0.55)))
        height, width = image.shape[1:]
        angle, stretch = generator.normal(0, 0.08), math.exp(generator.normal(0, 0.08))
        line = torch.linspace(-0.5, 0.5, self.side) * self.side / zoom
        y, x = torch.meshgrid(line, line, indexing="ij")
        cos, sin = math.cos(angle), math.sin(angle)
        mirror = -1 if generator.random() < 0.5 else 1
        room_x, room_y = (max(n - self.side / zoom / 2, n / 2) for n in (width, height))
        x0, y0 = generator.uniform(width - room_x, room_x), generator.uniform(height - room_y, room_y)
        grid = torch.stack(
            [
                2 * (x0 + mirror * stretch * (cos * x - sin * y)) / width - 1,
                2 * (y0 + sin * x + cos * y) / height - 1,
            ],
            dim=-1,
        )
        # Reduced first, so that the part is a mean of pixels and not a choice of some.
        factor = max(round(1 / zoom), 1)
        small = functional.avg_pool2d(image[None].float(), factor, ceil_mode=True, count_include_pad=False)
        part = functional.grid_sample(small, grid[None], padding_mode="reflection", align_corners=False)[0]
        numbers = functional.grid_sample(
            label[None, None].float(), grid[None], mode="nearest", padding_mode="reflection", align_corners=False
        )
        return part, numbers[0, 0].long()

    def scores(self, logits_of) -> dict[str, float]:
        """Return the intersection over union of persons on the held-out pictures, all pixels together."""
        both = either = 0
        for image, label in self.held_out:
            small = functional.avg_pool2d(image[None].float(), self.reduction, ceil_mode=True, count_include_pad=False)
            rows, columns = small.shape[2:]
            padded = functional.pad(self.prepare(small), (0, -columns % 16, 0, -rows % 16))
            logits = logits_of(padded)[:, :, :rows, :columns]
            enlarged = functional.interpolate(logits, scale_factor=self.reduction, mode="bilinear")[0]
            found = enlarged[:, : label.shape[0], : label.shape[1]].argmax(0) == 1
            both += (found & (label > 0)).sum().item()
            either += (found | (label > 0)).sum().item()
        return {"iou": both / either}


RECIPES = {"segnet-camvid": CamVid, "unet-membrane": Membrane, "person": Persons}


class Run:
    """One training run: model, moving average, optimiser, and the step that it has reached."""

    def __init__(self, recipe: CamVid | Membrane | Persons, arguments: argparse.Namespace) -> None:
        self.recipe, self.arguments, self.step = recipe, arguments, 0
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = recipe.model.to(self.device)
        decayed = [p for p in self.model.parameters() if p.ndim > 1]
        others = [p for p in self.model.parameters() if p.ndim == 1]
        groups = [{"params": decayed, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=arguments.rate, betas=(0.9, 0.99))
        self.average = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.class_weights = recipe.class_weights.to(self.device)
        if arguments.start:
            earlier = torch.load(arguments.start, map_location=self.device, weights_only=True)["average"]
            self.model.load_state_dict(earlier)
            self.average = {k: v.detach().clone() for k, v in earlier.items()}
        self.checkpoint = arguments.out / "checkpoint.pt"
        if self.checkpoint.exists():
            saved = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
            self.model.load_state_dict(saved["model"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.average, self.step = saved["average"], saved["step"]

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        partial = self.checkpoint.with_suffix(".part")
        torch.save({**state, "average": self.average, "step": self.step}, partial)
        partial.replace(self.checkpoint)

    def batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the batch of this step: it depends on the seed and the step alone."""
        generator = np.random.default_rng([self.arguments.seed, self.step])
        samples = [self.recipe.sample(generator) for _ in range(self.arguments.batch)]
        images, labels = (torch.stack(part).to(self.device) for part in zip(*samples, strict=True))
        return self.recipe.prepare(images), labels

    def advance(self) -> float:
        """Train on one batch and return its loss."""
        progress = self.step / self.arguments.steps
        warm = min(1.0, (self.step + 1) / 50)
        for group in self.optimizer.param_groups:
            group["lr"] = self.arguments.rate * warm * (0.5 * (1 + math.cos(math.pi * progress)) + 0.002)
        images, labels = self.batch()
        self.model.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=not self.arguments.float32):
            logits = self.model(images)
        loss = functional.cross_entropy(logits.float(), labels, self.class_weights, ignore_index=IGNORE)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        keep = self.step / (self.step + 4)  # the last quarter of the steps counts most
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                if value.is_floating_point():
                    self.average[name].lerp_(value, 1 - keep)
        return loss.item()

    def scores(self) -> dict[str, float]:
        """Return the scores of the averaged weights, in float32, after rounding them to float16 as they are shipped."""
        own = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict({k: rounded(v) for k, v in self.average.items()})
        self.model.eval()
        with torch.no_grad():
            scores = self.recipe.scores(lambda x: self.model(x.to(self.device)).float().cpu())
        self.model.load_state_dict(own)
        return scores

    def export(self) -> None:
        """Write the averaged weights as they are shipped."""
        weights = {k: v.half().cpu() for k, v in self.average.items() if v.is_floating_point()}
        notes = {key: json.dumps(value) for key, value in self.recipe.description.items()}
        save_file(weights, self.arguments.out / "weights.safetensors", metadata=notes)


def rounded(value: torch.Tensor) -> torch.Tensor:
    """Return a weight as float16 keeps it."""
    return value.half().float() if value.is_floating_point() else value


def main() -> None:
    """Train as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=sorted(RECIPES))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=5600)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--widths", type=int, nargs=5, default=[32, 64, 128, 192, 192])
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--start", type=Path, help="checkpoint of an earlier run, whose averaged weights to begin with")
    parser.add_argument("--float32", action="store_true", help="train without bfloat16")
    parser.add_argument("--score-every", type=int, default=500)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    run = Run(RECIPES[arguments.recipe](arguments.data, arguments), arguments)
    losses: list[float] = []
    start = time.monotonic()
    with (arguments.out / "log.txt").open("a") as log:
        while run.step < arguments.steps:
            losses.append(run.advance())
            if run.step % 50 == 0:
                run.save()
                seconds = time.monotonic() - start
                print(f"step {run.step} loss {np.mean(losses):.4f} seconds {seconds:.0f}", file=log, flush=True)
                losses.clear()
            if run.step % arguments.score_every == 0 or run.step == arguments.steps:
                print(json.dumps(run.scores()), file=log, flush=True)
        run.export()


if __name__ == "__main__":
    main()
