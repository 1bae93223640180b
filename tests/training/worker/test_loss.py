"""The loss in chunks equals cross-entropy over all logits."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy, linear
from transformers import LlamaConfig, LlamaForCausalLM

from ragopt_tui.training.worker import loss as chunked
from ragopt_tui.training.worker.fused_loss import (
    NO_LOSS,
    WithTargets,
    give_summed_loss,
    has_plain_head,
)
from ragopt_tui.training.worker.loss import HeadGradient, summed_cross_entropy

TOKENS, WIDTH, WORDS = 150, 16, 67


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few tokens and words fill a chunk, so that there are several and none is even."""
    monkeypatch.setattr(chunked, "LOGITS_AT_ONCE", 70 * WORDS)
    monkeypatch.setattr(chunked, "_ROWS_CAST_AT_ONCE", 30)


def parts(weight_dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(0)
    hidden = torch.randn(TOKENS, WIDTH, requires_grad=True)
    weight = torch.randn(WORDS, WIDTH).to(weight_dtype).requires_grad_()
    bias = torch.randn(WORDS, requires_grad=True)
    return hidden, weight, bias, torch.randint(0, WORDS, (TOKENS,))


def test_loss_and_gradients_equal_plain_cross_entropy() -> None:
    hidden, weight, bias, targets = parts()
    ours = summed_cross_entropy(hidden, weight, targets, bias) / TOKENS
    gradients = torch.autograd.grad(ours, (hidden, weight, bias))
    plain = cross_entropy(linear(hidden, weight, bias), targets)
    wanted = torch.autograd.grad(plain, (hidden, weight, bias))
    assert float(ours) == pytest.approx(float(plain), abs=1e-5)
    for gradient, right in zip(gradients, wanted, strict=True):
        assert torch.allclose(gradient, right, atol=1e-6)


def test_a_gradient_that_was_put_off_is_the_same_and_adds_to_what_is_there() -> None:
    hidden, weight, bias, targets = parts()
    plain = cross_entropy(linear(hidden, weight, bias), targets)
    wanted = torch.autograd.grad(plain, (hidden, weight, bias))
    later = HeadGradient()
    for half in (slice(0, 80), slice(80, TOKENS)):
        loss = summed_cross_entropy(hidden[half], weight, targets[half], bias, later) / TOKENS
        loss.backward()  # type: ignore[no-untyped-call]
    assert weight.grad is None
    later.settle(weight, bias)
    later.settle(weight, bias)
    for part, right in zip((hidden, weight, bias), wanted, strict=True):
        assert part.grad is not None
        assert torch.allclose(part.grad, right, atol=1e-6)


def test_a_frozen_layer_costs_no_gradient_and_without_gradients_there_is_none() -> None:
    hidden, weight, _, targets = parts()
    frozen = weight.detach()
    loss = summed_cross_entropy(hidden, frozen, targets)
    loss.backward()  # type: ignore[no-untyped-call]
    assert hidden.grad is not None
    assert frozen.grad is None
    with torch.no_grad():
        again = summed_cross_entropy(hidden, weight, targets)
    assert not again.requires_grad
    assert float(again) == pytest.approx(float(loss), rel=1e-6)


def test_no_token_gives_a_loss_of_zero_that_still_has_gradients() -> None:
    hidden, weight, _, targets = parts()
    loss = summed_cross_entropy(hidden[:0], weight, targets[:0])
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss) == 0
    assert weight.grad is not None
    assert not weight.grad.any()


def test_a_head_in_fp32_under_autocast_has_gradients_in_fp32_near_the_exact_ones() -> None:
    hidden, weight, _, targets = parts()
    exact = torch.autograd.grad(cross_entropy(linear(hidden, weight), targets), weight)[0]
    with torch.autocast("cpu", torch.bfloat16):
        loss = summed_cross_entropy(hidden, weight, targets) / TOKENS
    gradient = torch.autograd.grad(loss, weight)[0]
    assert gradient.dtype == torch.float32
    assert float((gradient - exact).norm() / exact.norm()) < 0.01


@pytest.fixture
def model() -> LlamaForCausalLM:
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=WORDS, hidden_size=WIDTH, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=64,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def batch() -> dict[str, torch.Tensor]:
    """Two rows, one padded, of which some tokens are learnt."""
    ids = torch.randint(0, WORDS, (2, 9), generator=torch.Generator().manual_seed(2))
    labels = ids.clone()
    labels[0, :4] = NO_LOSS
    labels[1, 6:] = NO_LOSS
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    return {"input_ids": ids, "labels": labels, "attention_mask": mask}


def test_a_model_gives_the_sum_of_what_its_own_loss_is_the_mean_of(model: LlamaForCausalLM) -> None:
    given = batch()
    with torch.no_grad():
        own = model(**given).loss
        give_summed_loss(model)
        with_targets = WithTargets(lambda _: dict(given))([])
        with_targets.pop("labels")
        total = model(**with_targets)
        plain = model(**given).loss
    assert len(with_targets["targets"]) == 5 + 5
    assert float(total) / 10 == pytest.approx(float(own), abs=1e-5)
    assert float(plain) == float(own)


def test_a_model_that_caps_or_scales_its_logits_keeps_its_own_loss(model: LlamaForCausalLM) -> None:
    assert has_plain_head(model)
    for name, value in (("final_logit_softcapping", 30.0), ("logit_scale", 0.25)):
        setattr(model.config, name, value)
        assert not has_plain_head(model)
        setattr(model.config, name, None)
