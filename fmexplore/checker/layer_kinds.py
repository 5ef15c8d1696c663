"""Layers as they are printed: the kinds of Keras and torch by the names of their classes, and shapes with open sizes.

Knows names, not what a layer does: that is in `layer_readings`.
"""

import math
import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

# Without the batch, in the order in which they are printed; None: a size, or the whole shape, that is not known.
Size = int | None
Shape = tuple[Size, ...]
Style = Literal["keras", "torch"]
_NAMES = {
    "conv": "conv conv1d conv2d conv3d convolution convolution1d convolution2d convolution3d atrousconvolution2d "
    "lazyconv1d lazyconv2d lazyconv3d",
    "depthwise": "depthwiseconv1d depthwiseconv2d",
    "separable": "separableconv1d separableconv2d separableconvolution2d",
    "transposed": "conv1dtranspose conv2dtranspose conv3dtranspose convolution2dtranspose deconvolution2d "
    "deconvolution3d convtranspose1d convtranspose2d convtranspose3d lazyconvtranspose2d",
    "dense": "dense linear lazylinear fc nondynamicallyquantizablelinear",
    "embedding": "embedding",
    "lstm": "lstm cudnnlstm",
    "gru": "gru cudnngru",
    "rnn": "simplernn rnn",
    "conv_lstm": "convlstm2d",
    "bidirectional": "bidirectional",
    "attention": "multiheadattention",
    "batch_norm": "batchnormalization batchnormalizationv1 batchnormalizationv2 syncbatchnormalization batchnorm "
    "batchnorm1d batchnorm2d batchnorm3d syncbatchnorm lazybatchnorm2d lazybatchnorm1d frozenbatchnorm2d",
    "instance_norm": "instancenorm1d instancenorm2d instancenorm3d",
    "layer_norm": "layernormalization layernorm layernorm2d rmsnormalization rmsnorm",
    "group_norm": "groupnormalization groupnorm",
    "pool": "maxpooling1d maxpooling2d maxpooling3d averagepooling1d averagepooling2d averagepooling3d maxpool1d "
    "maxpool2d maxpool3d avgpool1d avgpool2d avgpool3d lppool2d maxpool avgpool maxpooling averagepooling",
    "global_pool": "globalmaxpooling1d globalmaxpooling2d globalmaxpooling3d globalaveragepooling1d "
    "globalaveragepooling2d globalaveragepooling3d globalmaxpool1d globalmaxpool2d globalaveragepool2d globalavgpool "
    "globalmaxpool",
    "adaptive_pool": "adaptiveavgpool1d adaptiveavgpool2d adaptiveavgpool3d adaptivemaxpool1d adaptivemaxpool2d "
    "adaptivemaxpool3d",
    "flatten": "flatten",
    "same": "dropout dropout1d dropout2d dropout3d spatialdropout1d spatialdropout2d spatialdropout3d gaussiandropout "
    "gaussiannoise alphadropout featurealphadropout activation relu relu6 leakyrelu elu selu celu gelu silu swish "
    "mish tanh sigmoid hardswish hardsigmoid hardtanh softplus softsign softshrink tanhshrink logsigmoid rrelu "
    "thresholdedrelu threshold softmax softmax2d softmin logsoftmax identity rescaling rescale randomflip "
    "randomrotation randomzoom randomtranslation randomcontrast randombrightness randomerasing masking "
    "activityregularization unitnormalization localresponsenorm stochasticdepth droppath",
    "prelu": "prelu",
    "resize": "resizing centercrop randomcrop randomheight randomwidth zeropadding1d zeropadding2d zeropadding3d "
    "upsampling1d upsampling2d upsampling3d upsample upsamplingbilinear2d upsamplingnearest2d cropping1d cropping2d "
    "cropping3d zeropad1d zeropad2d zeropad3d reflectionpad1d reflectionpad2d replicationpad1d replicationpad2d "
    "constantpad1d constantpad2d",
    "reshape": "reshape unflatten permute pixelshuffle pixelunshuffle",
    "repeat": "repeatvector",
    "input": "inputlayer input",
    "sum": "add subtract multiply average maximum minimum merge",
    "concatenate": "concatenate",
    "container": "sequential functional model modulelist moduledict",
}
KINDS = {name: kind for kind, names in _NAMES.items() for name in names.split()}
# Kinds whose rows have no parameters, in any library.
WITHOUT_PARAMETERS = {
    *("pool", "global_pool", "adaptive_pool", "flatten", "same", "resize", "reshape", "repeat", "input", "sum"),
    "concatenate",
}
WINDOWED = {"conv", "depthwise", "separable", "transposed"}


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
    kernel: tuple[int, ...] | None = None
    stride: int | tuple[int, ...] | None = None
    padding: str | int | tuple[int, ...] | None = None
    bias: bool | None = None
    counted: bool = True  # in the total of the parameters
    inner: bool = False  # a layer inside another row
    frozen: bool = False
    line: int = 0  # of the text
    rank: int = 0  # axes that a window slides over; 0: not known
    after: int | None = None  # the row printed before it on the way through the network, where sources are not known
    rounded: tuple[int, int] | None = None  # least and most parameters, where they are printed as in "7.9 K"
    channels: int | None = None  # of its input, where it is printed
    dilation: int | tuple[int, ...] | None = None
    groups: int | None = None
    calculated: int | None = None  # parameters that its printed arguments give
    type: str = ""  # the class as it was printed
    channels_last: bool = False  # sure to be, as in words
    batch: Size = None  # the size before the others of its output
    multiplied: int | None = None  # multiplications and additions, where torchinfo prints them
    dashed: bool = False  # a dash stands for its parameters
    depth: int = 0  # how many rows it is inside of, where they are printed as a tree
    holds: bool = False  # rows inside it are printed below


@cache
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


def find_rank(name: str) -> int:
    """How many axes a window of that layer class slides over, by its name; 0 where it does not say.

    >>> find_rank("Conv2DTranspose"), find_rank("AvgPool1d"), find_rank("Dense")
    (2, 1, 0)
    """
    found = re.search(r"([123])[dD]", name)
    return int(found[1]) if found else 0


def shape_text(shape: Shape | None) -> str:
    """A shape in words, with "?" for what is not known.

    >>> shape_text((28, 28, 1)), shape_text((576,)), shape_text((None, 8)), shape_text(None)
    ('28x28x1', '576 values', '?x8', 'an unknown shape')
    """
    if shape is None:
        return "an unknown shape"
    if len(shape) == 1 and shape[0] is not None:
        return f"{shape[0]:,} value{'s' if shape[0] != 1 else ''}"
    return "x".join("?" if size is None else str(size) for size in shape) or "a single value"


def fits(one: Shape | None, other: Shape | None) -> bool:
    """Whether two shapes, either of which may leave sizes open, can be the same."""
    if one is None or other is None:
        return True
    return len(one) == len(other) and all(a is None or b is None or a == b for a, b in zip(one, other))


def both(one: Shape | None, other: Shape | None) -> Shape | None:
    """What two shapes that fit say together."""
    if one is None or other is None:
        return one or other
    return tuple(b if a is None else a for a, b in zip(one, other))


def known(shape: Shape | None) -> bool:
    """Whether all sizes of a shape are known."""
    return shape is not None and None not in shape


def product(shape: Shape) -> int | None:
    """The number of values; None where a size is not known."""
    return None if None in shape else math.prod(size or 0 for size in shape)
