"""An adapter merged into its model learns as one beside the layers would, and starts from any."""

import pytest
import torch
from torch import Tensor, nn

from engine.builtin.merged import Merged

SCALE = 0.5


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    torch.manual_seed(2)


def network() -> dict[str, nn.Module]:
    torch.manual_seed(1)
    return {"conv": nn.Conv2d(6, 12, 3), "line": nn.Linear(12, 10)}


def run(layers: dict[str, nn.Module], images: Tensor) -> Tensor:
    made: Tensor = layers["line"](layers["conv"](images).mean((2, 3)))
    return made


def merged(rank: int, own: set[str]) -> Merged:
    made = Merged(network(), own, rank, SCALE)
    for layer in made.layers.values():
        layer.float()  # so that half precision does not blur what is compared
    return made


def test_gradients_are_those_of_the_factors() -> None:
    adapter = merged(4, {"conv", "line"})
    with torch.no_grad():
        adapter.ups.normal_()
    images = torch.randn(3, 6, 5, 5)
    adapter.merge()
    torch.autograd.backward(run(dict(adapter.layers), images).pow(2).sum())
    adapter.project()
    downs = adapter.downs.detach().clone().requires_grad_()
    ups = adapter.ups.detach().clone().requires_grad_()
    conv, line = adapter.base["conv"], adapter.base["line"]
    conv_down, line_down = torch.split(downs, [4 * 6 * 9, 4 * 12])
    conv_up, line_up = torch.split(ups, [12 * 4, 10 * 4])
    conv = conv + SCALE * (conv_up.view(12, 4) @ conv_down.view(4, 54)).view_as(conv)
    line = line + SCALE * line_up.view(10, 4) @ line_down.view(4, 12)
    layers = adapter.layers
    hidden = nn.functional.conv2d(images, conv, layers["conv"].bias).mean((2, 3))
    wanted = torch.autograd.grad(
        nn.functional.linear(hidden, line, layers["line"].bias).pow(2).sum(), (downs, ups)
    )
    for gradient, exact in zip(adapter.gradients, wanted, strict=True):
        assert torch.allclose(gradient, exact, rtol=1e-4, atol=1e-4)


def test_files_get_the_factors_of_the_change() -> None:
    adapter = merged(4, {"conv"})
    with torch.no_grad():
        adapter.ups.normal_()
    down, up = adapter.factors()["conv"]
    assert (down.shape, up.shape) == ((4, 6, 3, 3), (12, 4, 1, 1))
    change = SCALE * up.flatten(1) @ down.flatten(1)
    assert torch.allclose(change, adapter.changes()["conv"], atol=1e-6)


def test_a_partner_takes_part_until_the_next_one() -> None:
    adapter = merged(4, {"conv"})
    changes = {"conv": torch.randn(12, 54), "line": torch.randn(10, 12)}
    for given, weight in ((changes, 0.7), ({}, 0.0)):
        adapter.accompany(given, weight)
        adapter.merge()
        for path, layer in adapter.layers.items():
            added = (layer.weight - adapter.base[path]).flatten(1)
            wanted = weight * given[path] if given else torch.zeros_like(added)
            assert torch.allclose(added, wanted, atol=1e-5)


def test_a_higher_rank_keeps_the_whole_change() -> None:
    change = torch.randn(12, 4) @ torch.randn(4, 54)
    adapter = merged(6, {"conv"})
    adapter.start_from({"conv": change, "elsewhere": torch.ones(2, 2)})
    assert torch.allclose(adapter.changes()["conv"], change, atol=1e-4)


def test_a_lower_rank_keeps_its_strongest_part() -> None:
    change = torch.randn(10, 12)
    adapter = merged(2, {"line"})
    adapter.start_from({"line": change})
    lost = torch.linalg.svdvals(change)[2:].norm()
    left = (change - adapter.changes()["line"]).norm()
    assert float(left) == pytest.approx(float(lost), rel=1e-4)
    assert float(lost) < float(change.norm())
