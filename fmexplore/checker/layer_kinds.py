"""The kinds of layer in Keras and torch by the names of their classes, and a layer as it was printed.

Knows names, not what a layer does: that is in `layer_readings`. A shape is (channels, height, width) or (values,), as
in `models.shapes`.
"""

from dataclasses import dataclass
from typing import Literal

from fmexplore.models.shapes import Shape

Style = Literal["keras", "torch"]
_NAMES = {
    "conv": "conv2d convolution2d conv convolution",
    "depthwise": "depthwiseconv2d",
    "separable": "separableconv2d separableconvolution2d",
    "transposed": "conv2dtranspose convtranspose2d",
    "dense": "dense linear fc",
    "batch_norm": "batchnormalization batchnorm2d batchnorm1d batchnorm batchnormalizationv1",
    "layer_norm": "layernormalization layernorm",
    "group_norm": "groupnormalization groupnorm",
    "pool": "maxpooling2d averagepooling2d maxpool2d avgpool2d maxpool avgpool maxpooling averagepooling",
    "global_pool": "globalmaxpooling2d globalaveragepooling2d globalmaxpool2d globalaveragepool2d "
    "globalavgpool globalmaxpool",
    "adaptive_pool": "adaptiveavgpool2d adaptivemaxpool2d",
    "flatten": "flatten",
    "same": "dropout spatialdropout1d spatialdropout2d gaussiandropout gaussiannoise alphadropout dropout1d dropout2d "
    "activation relu relu6 leakyrelu elu selu celu gelu silu swish mish tanh sigmoid hardswish hardsigmoid softplus "
    "softmax logsoftmax softmax2d identity rescaling rescale randomflip randomrotation randomzoom randomtranslation "
    "randomcontrast randombrightness randomheight randomwidth randomerasing activityregularization",
    "prelu": "prelu",
    "resize": "resizing centercrop randomcrop zeropadding2d upsampling2d upsample cropping2d zeropad2d",
    "reshape": "reshape unflatten permute pixelunshuffle pixelshuffle",
    "input": "inputlayer",
    "sum": "add subtract multiply average maximum minimum",
    "concatenate": "concatenate",
    "container": "sequential functional model modulelist",
}
KINDS = {name: kind for kind, names in _NAMES.items() for name in names.split()}


@dataclass(frozen=True)
class PrintedLayer:
    """A layer as it was printed; None for what was not printed."""

    name: str
    kind: str = ""  # of KINDS; empty for one that is not known
    output: Shape | None = None
    parameters: int | None = None
    sources: tuple[int, ...] | None = None  # rows of its inputs, -1: the input of the network; None: not known
    input: Shape | None = None
    units: int | None = None  # filters of a convolution, units of a dense layer
    kernel: tuple[int, int] | None = None
    stride: int | None = None
    padding: str | int | None = None
    bias: bool | None = None
    counted: bool = True  # in the total of the parameters
    inner: bool = False  # a layer inside another row
    frozen: bool = False


def find_kind(name: str) -> str:
    """The kind of a layer class of Keras or torch, even if cut short with an ellipsis; empty where it is not known.

    >>> find_kind("MaxPooling2D"), find_kind("BatchNormaliza…")
    ('pool', 'batch_norm')
    """
    plain = "".join(name.lower().replace("_", "").split())
    if not plain.endswith("…"):
        return KINDS.get(plain, "")
    found = {kind for each, kind in KINDS.items() if each.startswith(plain[:-1])}
    return found.pop() if len(found) == 1 and len(plain) > 3 else ""
