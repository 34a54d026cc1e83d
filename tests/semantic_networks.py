"""Small forms of the networks of semantic segmentation, and weights for them as training leaves them."""

import numpy as np

from segalgo.models import (
    CRFRNN,
    FCN,
    LRASPP,
    DeepLabV1,
    DeepLabV2,
    DeepLabV2VGG16,
    DeepLabV3,
    DilatedNetwork,
    FCN8s,
    FCN8sAtOnce,
    FCN16s,
    FCN32s,
    ICNet,
    PSPNet,
    RefineNet,
    SegFormer,
)

NARROW = (2, 4, 4, 8, 8)

SMALL = {
    "fcn-resnet18": lambda: FCN(3, 5, "resnet18", width_mult=1 / 16, dilated=(False, False, False)),
    "fcn-resnet50": lambda: FCN(3, 5, "resnet50", width_mult=1 / 16),
    "deeplabv3-resnet34": lambda: DeepLabV3(3, 5, "resnet34", 8, width_mult=1 / 16),
    "deeplabv3-mobilenet": lambda: DeepLabV3(3, 5, "mobilenet_v3_large", 8, width_mult=0.1),
    "deeplabv3-mobilenetv2": lambda: DeepLabV3(3, 5, "mobilenet_v2", 8, width_mult=0.1),
    "crf-rnn": lambda: CRFRNN(3, 5, NARROW, 8, iterations=3, canvas=16),
    "deeplabv1": lambda: DeepLabV1(3, 5, NARROW, 8),
    "deeplabv2-vgg16": lambda: DeepLabV2VGG16(3, 5, NARROW, 8),
    "deeplabv2": lambda: DeepLabV2(3, 5, "resnet50", width=2),
    "dilated-voc": lambda: DilatedNetwork(3, 3, (2, 2, 4, 4, 4), 4, "pascal_voc"),
    "dilated-cityscapes": lambda: DilatedNetwork(3, 5, (2, 2, 4, 4, 4), 4, "cityscapes"),
    "icnet": lambda: ICNet(3, 5, 4),
    "refinenet": lambda: RefineNet(3, 5, "resnet18", 8, width_mult=1 / 16),
    "fcn32s": lambda: FCN32s(3, 5, NARROW, 8),
    "fcn16s": lambda: FCN16s(3, 5, NARROW, 8),
    "fcn8s": lambda: FCN8s(3, 5, NARROW, 8),
    "fcn8s-at-once": lambda: FCN8sAtOnce(3, 5, NARROW, 8),
    "pspnet": lambda: PSPNet(3, 5, "resnet18", 8, width_mult=1 / 16),
    "segformer": lambda: SegFormer(3, 5, "b0", 16, width_mult=1 / 8),
    "lraspp": lambda: LRASPP(3, 5, 8, width_mult=0.1),
}


def seasoned(model, seed=0):
    """Give a model kernels of He et al., and statistics, scales and biases that do something; return it.

    The last layer of a residual block is scaled down, so that sums do not grow from block to block; so are matrices,
    which no ReLU follows.
    """
    rng = np.random.default_rng(seed)
    steps = model.describe((1, model.in_channels, *model.fitting_size(64, 64)))
    summed = {f"{name}.weight" for step in steps if step.operation == "add" for name in step.inputs}
    state = {}
    for name, parameter in model.described_parameters().items():
        shape = parameter.shape
        if parameter.products is not None:
            state[name] = model.parameters[name] * ((0.3 if name in summed else 1) * (0.5 if len(shape) == 2 else 1))
        elif name.endswith("running_var"):
            state[name] = rng.uniform(0.5, 2, shape)
        elif parameter.constant == 1:
            state[name] = rng.uniform(0.7, 1.4, shape) * (0.3 if name in summed else 1)
        else:
            state[name] = rng.normal(0, 0.2, shape)
    return model.load_state_dict({name: value.astype(np.float32) for name, value in state.items()})
