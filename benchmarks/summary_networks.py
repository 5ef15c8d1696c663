"""Networks in PyTorch, drawn at random and of torchvision, and how torchinfo, torchsummary and PyTorch print them."""

import contextlib
import io
import random
from collections.abc import Iterator
from typing import Any

import torch
import torchinfo
from torch import nn
from torch.nn import functional

# Ten ways to print with torchinfo; all of them say the same network.
SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"col_names": ("input_size", "output_size", "num_params", "kernel_size", "mult_adds", "trainable")},
    {"row_settings": ("var_names",)},
    {"row_settings": ("var_names", "depth")},
    {"row_settings": ("ascii_only", "depth")},
    {"col_names": ("kernel_size", "output_size", "num_params", "params_percent")},
    {"depth": 1},
    {"depth": 2, "col_names": ("output_size", "num_params", "mult_adds")},
    {"row_settings": ("depth", "hide_recursive_layers"), "col_names": ("num_params", "output_size")},
    {"verbose": 2, "col_names": ("input_size", "num_params", "output_size")},
)


class Residual(nn.Module):
    """Two convolutions beside a shortcut, with squeeze and excite where asked."""

    def __init__(self, before: int, after: int, stride: int, squeeze: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU()  # used twice
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.short = nn.Sequential(nn.Conv2d(before, after, 1, stride), nn.BatchNorm2d(after))
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(after, 4, 1), nn.ReLU(), nn.Conv2d(4, after, 1))
        self.use_squeeze = squeeze

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.use_squeeze:
            y = y * torch.sigmoid(self.squeeze(y))
        return self.relu(y + self.short(x))


class Functional(nn.Module):
    """As tutorials write it: pools and activations are calls that no summary prints."""

    def __init__(self, filters: int, pad: bool) -> None:
        super().__init__()
        self.pad = pad
        self.conv1 = nn.Conv2d(1, filters, 3)
        self.conv2 = nn.Conv2d(filters, 2 * filters, 5)
        self.drop = nn.Dropout2d()
        side = 5 if pad else 4
        self.fc1 = nn.Linear(2 * filters * side * side, 50)
        self.fc2 = nn.Linear(50, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        if self.pad:
            x = functional.pad(x, (1, 0, 0, 1))
        x = functional.max_pool2d(self.drop(self.conv2(x)), 2)
        return functional.log_softmax(self.fc2(functional.relu(self.fc1(x.flatten(1)))), 1)


class Branches(nn.Module):
    """Branches with unequal kernels, put one after the other."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, filters, (1, 7), padding=(0, 3))
        self.two = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, filters, (7, 1), padding=(3, 0)))
        self.pool = nn.MaxPool2d(3, 1, 1)
        self.norm = nn.BatchNorm2d(2 * filters + 3)
        self.up = nn.ConvTranspose2d(2 * filters + 3, 5, 3, 2, 1, output_padding=1)
        self.head = nn.Linear(5, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(torch.cat([self.one(x), self.two(x), self.pool(x)], 1))
        return self.head(self.up(x).mean((2, 3)))


class Sentences(nn.Module):
    """Words, a recurrent layer, and attention or the last state."""

    def __init__(self, kind: str, width: int, both: bool) -> None:
        super().__init__()
        self.kind = kind
        self.embed = nn.Embedding(100, width)
        if kind == "attention":
            self.body = nn.TransformerEncoder(nn.TransformerEncoderLayer(width, 4, 32, batch_first=True), 2)
        else:
            self.body = getattr(nn, kind)(width, 24, num_layers=2, batch_first=True, bidirectional=both)
        self.norm = nn.LayerNorm(width if kind == "attention" else 48 if both else 24)
        self.head = nn.Linear(self.norm.normalized_shape[0], 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.body(self.embed(x))
        x = self.norm(x if self.kind == "attention" else x[0])
        return self.head(x[:, -1])


class Shared(nn.Module):
    """A layer used three times."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, filters, 3, padding=1)
        self.again = nn.Conv2d(filters, filters, 3, padding=1)
        self.act = nn.ReLU()
        self.head = nn.Linear(filters, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for _ in range(3):
            x = self.act(self.again(x))
        return self.head(x.mean((2, 3)))


def draw_sequential(rng: random.Random, rank: int) -> tuple[nn.Module, tuple[int, ...]]:
    """A chain of convolutions of that rank, with all that may stand between them."""
    conv: type[Any]
    conv, norm = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[rank - 1], (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[rank - 1]
    pools = ((nn.MaxPool1d, nn.AvgPool1d), (nn.MaxPool2d, nn.AvgPool2d), (nn.MaxPool3d, nn.AvgPool3d))[rank - 1]
    channels, side = rng.choice((1, 3)), rng.choice((28, 32, 40)) if rank < 3 else 16
    size = (channels, *[side] * rank)
    layers: list[nn.Module] = []
    x = torch.zeros(1, *size)
    for _ in range(rng.randint(1, 4)):
        groups = channels if rng.random() < 0.15 else 1
        filters = 2 * channels if groups > 1 else rng.choice((8, 12, 16, 32))
        kernel: Any = rng.choice((1, 3, 5)) if rng.random() < 0.8 or rank != 2 else rng.choice(((1, 3), (3, 5)))
        padding = rng.choice((0, 1, 2, "same"))
        stride = 1 if padding == "same" else rng.choice((1, 1, 1, 2))
        block: list[nn.Module] = [
            conv(channels, filters, kernel, stride, padding, rng.choice((1, 1, 1, 2)), groups, rng.random() < 0.7)
        ]
        block += rng.choice(([norm(filters)], [nn.GroupNorm(2, filters)], [], []))
        block += [rng.choice((nn.ReLU(), nn.GELU(), nn.LeakyReLU(0.1), nn.PReLU(), nn.PReLU(filters), nn.SiLU()))]
        block += [rng.choice(pools)(rng.choice((2, 2, 3)), 2)] if rng.random() < 0.6 else []
        block += [nn.Dropout(0.2)] if rng.random() < 0.4 else []
        trial = nn.Sequential(*block).eval()
        try:
            with torch.no_grad():
                made = trial(x)
        except RuntimeError:  # smaller than the kernel
            break
        x, channels = made, filters
        layers += [nn.Sequential(*block)] if rng.random() < 0.3 else block
    if rank == 2 and rng.random() < 0.4:
        layers += [nn.AdaptiveAvgPool2d(rng.choice((1, 2)))]
    layers += [nn.Flatten()]
    with torch.no_grad():
        width = nn.Sequential(*layers).eval()(torch.zeros(1, *size)).shape[1]
    for units in rng.sample((32, 64, 84, 120), rng.randint(0, 2)):
        layers += [nn.Linear(width, units, rng.random() < 0.8), nn.ReLU()]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, 10)), size


def draw(seed: int) -> tuple[nn.Module, tuple[int, ...], torch.dtype]:
    """A network, the shape of its input without the batch, and the type of the input."""
    rng = random.Random(seed)
    torch.manual_seed(seed)
    kind = rng.choice(("1", "2", "2", "2", "3", "residual", "functional", "branches", "sentences", "shared", "decoder"))
    if kind in "123":
        return *draw_sequential(rng, int(kind)), torch.float32
    if kind == "functional":
        return Functional(rng.choice((6, 10, 16)), rng.random() < 0.3), (1, 28, 28), torch.float32
    if kind == "branches":
        return Branches(rng.choice((4, 6))), (3, 20, 20), torch.float32
    if kind == "sentences":
        both = rng.random() < 0.5
        return Sentences(rng.choice(("LSTM", "GRU", "RNN", "attention")), rng.choice((16, 32)), both), (9,), torch.int64
    if kind == "shared":
        return Shared(rng.choice((4, 8))), (1, 28, 28), torch.float32
    if kind == "decoder":
        latent = rng.choice((8, 16))
        layers = (nn.Linear(latent, 16 * 7 * 7), nn.Unflatten(1, (16, 7, 7)), nn.ConvTranspose2d(16, 8, 4, 2, 1))
        more = (nn.BatchNorm2d(8), nn.ReLU(), nn.Upsample(scale_factor=2), nn.Conv2d(8, 1, 3, padding=1), nn.Sigmoid())
        return nn.Sequential(*layers, *more), (latent,), torch.float32
    blocks, before = [], 8
    for _ in range(rng.randint(1, 3)):
        after = rng.choice((8, 16, 24))
        blocks.append(Residual(before, after, rng.choice((1, 2)), rng.random() < 0.5))
        before = after
    stem = [nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10)]
    return nn.Sequential(*stem, *blocks, *head), (1, 28, 28), torch.float32


def zoo(names: list[str] | None = None) -> Iterator[tuple[str, nn.Module, tuple[int, ...]]]:
    """All networks of torchvision, without weights: their names, the networks, the shapes of their inputs.

    Those of detection compute with what they find, and need real numbers; the others need shapes only.
    """
    import torchvision  # which takes seconds

    for name in names or torchvision.models.list_models():
        options: dict[str, Any] = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        if (
            torchvision.models.get_model_builder(name)
            .__module__.partition("models.")[2]
            .startswith(("detection", "segmentation"))
        ):
            options["weights_backbone"] = None
        real = "rcnn" in name or name.startswith(("fcos", "retinanet", "ssd"))
        computed = real or name.startswith(("regnet", "raft"))  # its widths, or what it looks up
        with contextlib.nullcontext() if computed else torch.device("meta"):
            model = torchvision.models.get_model(name, weights=None, **options)
        yield name, (model if real else model.to("meta")).eval(), _size_of(name)


def _size_of(name: str) -> tuple[int, ...]:
    if name.startswith(("r3d", "mc3", "r2plus1d")):
        return (3, 8, 112, 112)
    if name.startswith(("mvit", "s3d", "swin3d")):
        return (3, 16, 224, 224)
    side = {"inception_v3": 299, "raft_large": 128, "raft_small": 128, "ssd300_vgg16": 300}
    return (3, *[side.get(name, 224)] * 2)


def print_torchinfo(model: nn.Module, size: tuple[int, ...] | None, kind: torch.dtype, settings: dict[str, Any]) -> str:
    """What torchinfo prints; without a size of the input, no shapes."""
    device = next(model.parameters()).device
    pair = type(model).__name__ == "RAFT"  # it compares two images
    options: dict[str, Any] = {"depth": 20, **settings}
    if size is None:
        options = {key: value for key, value in options.items() if key not in ("col_names", "verbose")}
        return str(torchinfo.summary(model, verbose=0, **options))
    options.setdefault("cache_forward_pass", False)
    with contextlib.redirect_stdout(io.StringIO()):
        options.setdefault("verbose", 0)
        sizes = [(1, *size)] * (1 + pair)
        found = torchinfo.summary(model, input_size=sizes, dtypes=[kind] * len(sizes), device=device, **options)
    return str(found)


def print_torchsummary(model: nn.Module, size: tuple[int, ...]) -> str:
    """What torchsummary prints; it knows images and vectors only."""
    import torchsummary

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        torchsummary.summary(model, size, device="cpu")
    return printed.getvalue()
