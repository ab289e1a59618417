"""The learnt chain against every sequence of tags there is, its gradient, and what holds however large its weights are."""

from itertools import pairwise, product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.schemes import Allowed, allowed
from unspool.models.crf import CRF, _log_likelihood, _permitted

LABELS = ["O", "B-X", "I-X", "B-Y", "I-Y"]


def built(tags, rules=None, spread=1.0):
    """A chain in float64 whose weights are drawn."""
    crf = CRF(tags, rules).double()
    for weight in crf.parameters():
        torch.nn.init.normal_(weight, std=spread)
    return crf


def by_torch(crf, emissions, tags, lengths):
    """The way of other devices, on this one."""
    weights = (crf.start, crf.end, crf.transitions)
    return _log_likelihood(emissions, tags, lengths, *_permitted(weights, crf._allowed(), -1e30))


WAYS = {"numpy": lambda crf, *given: crf.log_likelihood(*given), "torch": by_torch}


@st.composite
def problems(draw):
    """A chain, of which much may be forbidden, emissions with garbage in the padding, tags of which some are unknown, and lengths."""
    tags, steps, rows = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    torch.manual_seed(draw(st.integers(0, 2**31)))
    spread, share = draw(st.sampled_from([1.0, 30.0, 1000.0])), draw(st.sampled_from([0.0, 0.3]))
    rules = Allowed(*((torch.rand(shape) >= share).numpy() for shape in ((tags,), (tags,), (tags, tags))))
    lengths = torch.tensor(draw(st.lists(st.integers(0, steps), min_size=rows, max_size=rows)))
    padding = torch.arange(steps) >= lengths[:, None]
    truth = torch.randint(0, tags, (rows, steps)).masked_fill(torch.rand(rows, steps) < draw(st.sampled_from([0.0, 0.4])), -1)
    emissions = torch.randn(rows, steps, tags, dtype=torch.float64) * spread
    emissions = emissions.masked_fill(padding[..., None], draw(st.sampled_from([torch.nan, torch.inf, 0.0])))
    return built(tags, rules if share else None, spread), emissions, truth.masked_fill(padding, draw(st.sampled_from([-100, 0, 7]))), lengths


def by_enumeration(crf, emissions, truth, lengths):
    """Log likelihoods from every sequence of tags, differentiable; -inf where what is given is forbidden."""
    chain = crf.chain()
    answers = []
    for row, steps in enumerate(lengths.tolist()):
        all_of_them, agreeing = [], []
        for tags in product(range(emissions.shape[2]), repeat=steps) if steps else ():
            permitted = np.isfinite(chain.start[tags[0]] + chain.end[tags[-1]] + sum(chain.transitions[pair] for pair in pairwise(tags)))
            if permitted:
                going = sum(crf.transitions[pair] for pair in pairwise(tags))
                all_of_them.append(crf.start[tags[0]] + crf.end[tags[-1]] + going + sum(emissions[row, t, tag] for t, tag in enumerate(tags)))
                if all(true in (-1, tag) for true, tag in zip(truth[row].tolist(), tags, strict=False)):
                    agreeing.append(all_of_them[-1])
        if agreeing:
            answers.append(torch.stack(agreeing).logsumexp(0) - torch.stack(all_of_them).logsumexp(0))
        else:
            answers.append(torch.tensor(-torch.inf if steps else 0.0, dtype=torch.float64))
    return torch.stack(answers)


def gradients(crf, emissions, likelihood, weights):
    """Of the emissions, start, end and transitions; of a row that is forbidden nothing."""
    possible = torch.isfinite(likelihood)
    total = (likelihood[possible] * weights[possible]).sum()
    wanted = [emissions, *crf.parameters()]
    if not total.requires_grad:
        return [torch.zeros_like(one) for one in wanted]
    return torch.autograd.grad(total, wanted, allow_unused=True, materialize_grads=True)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@given(problem=problems())
def test_likelihood_and_gradient_are_those_of_all_tags_one_by_one(way, problem):
    crf, emissions, truth, lengths = problem
    emissions.requires_grad_()
    weights = torch.linspace(0.5, 2, len(lengths), dtype=torch.float64)
    found, expected = way(crf, emissions, truth, lengths), by_enumeration(crf, emissions, truth, lengths)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-8)
    for got, wanted in zip(gradients(crf, emissions, found, weights), gradients(crf, emissions, expected, weights), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("unknown", [False, True])
@pytest.mark.parametrize("spread", [1.0, 300.0])
@pytest.mark.parametrize("rules", [None, allowed(LABELS, "iob2")], ids=["free", "iob2"])
def test_gradients_pass_gradcheck(rules, spread, unknown):
    crf = built(5, rules)
    emissions = (torch.randn(3, 4, 5, dtype=torch.float64) * spread).requires_grad_()
    truth, lengths = torch.tensor([[0, 1, 2, 3], [3, 4, 0, 0], [1, 0, 0, 0]]), torch.tensor([4, 2, 3])
    truth[0, 1] = -1 if unknown else 1

    def likelihood(*given):
        return crf.log_likelihood(given[0], truth, lengths)

    assert torch.autograd.gradcheck(likelihood, (emissions, *crf.parameters()))


@pytest.mark.parametrize("kind, tolerance", [(torch.float64, 1e-10), (torch.float32, 1e-4), (torch.bfloat16, 0.05)])
def test_both_ways_agree_on_sentences_of_a_usual_size(kind, tolerance):
    crf = built(9)
    emissions, truth, lengths = torch.randn(6, 30, 9).to(kind).requires_grad_(), torch.randint(0, 9, (6, 30)), torch.tensor([30, 1, 17, 30, 0, 5])
    fast, slow = crf.log_likelihood(emissions, truth, lengths), by_torch(crf, emissions, truth, lengths)
    assert fast.dtype == kind and type(fast.grad_fn).__name__ == "_LogLikelihoodBackward"
    torch.testing.assert_close(fast, slow.to(kind), rtol=tolerance, atol=tolerance)
    for got, wanted in zip(*(gradients(crf, emissions, one, torch.ones(6, dtype=kind)) for one in (fast, slow)), strict=True):
        assert got.dtype == wanted.dtype
        torch.testing.assert_close(got, wanted, rtol=tolerance, atol=tolerance)


def test_a_distant_row_is_summed_as_logarithms_and_changes_no_other():
    crf = built(5, allowed(LABELS, "iob2"))
    emissions, truth, lengths = torch.randn(3, 6, 5, dtype=torch.float64), torch.zeros(3, 6, dtype=torch.int64), torch.tensor([6, 6, 4])
    far = emissions.clone()
    far[1] *= 5000
    clean, mixed = (crf.log_likelihood(x.requires_grad_(), truth, lengths) for x in (emissions, far))
    assert not clean.grad_fn.expected.logarithmic and mixed.grad_fn.expected.logarithmic
    torch.testing.assert_close(mixed[[0, 2]], clean[[0, 2]], rtol=1e-10, atol=1e-10)
    ours, theirs = (torch.autograd.grad(one[[0, 2]].sum(), x)[0] for one, x in ((mixed, far), (clean, emissions)))
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_padding_changes_nothing_and_learns_nothing(way):
    crf = built(4)
    emissions, truth, lengths = torch.randn(3, 5, 4, dtype=torch.float64), torch.randint(0, 4, (3, 5)), torch.tensor([5, 2, 0])
    found = []
    for padding, more in ((0.0, 0), (torch.nan, 0), (-torch.inf, 3)):
        padded = torch.nn.functional.pad(emissions, (0, 0, 0, more))
        hidden = torch.arange(5 + more) >= lengths[:, None]
        padded = padded.masked_fill(hidden[..., None], padding).requires_grad_()
        likelihood = way(crf, padded, torch.nn.functional.pad(truth, (0, more)).masked_fill(hidden, 9), lengths)
        of_emissions, *of_weights = gradients(crf, padded, likelihood, torch.ones(3, dtype=torch.float64))
        assert (of_emissions[hidden] == 0).all()
        found.append((likelihood, of_emissions[:, :5], *of_weights))
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=0, atol=0)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_what_is_forbidden_has_no_likelihood_and_learns_nothing(way):
    crf = built(5, allowed(LABELS, "iob2"))
    emissions, lengths = torch.randn(2, 3, 5, dtype=torch.float64, requires_grad=True), torch.tensor([3, 3])
    likelihood = way(crf, emissions, torch.tensor([[0, 1, 2], [0, 2, 0]]), lengths)  # the second has I-X after O
    assert torch.isfinite(likelihood).tolist() == [True, False] and likelihood[1] == -torch.inf
    of_emissions, of_start, _, of_transitions = torch.autograd.grad(likelihood.sum(), [emissions, *crf.parameters()])
    assert (of_emissions[1] == 0).all() and (of_emissions[0] != 0).any()
    assert (of_start[[2, 4]] == 0).all() and (of_transitions[0, [2, 4]] == 0).all()


def test_probabilities_of_all_tags_sum_to_one():
    crf = built(3)
    truth = torch.tensor(list(product(range(3), repeat=4)))
    emissions = torch.randn(1, 4, 3, dtype=torch.float64).expand(81, 4, 3)
    torch.testing.assert_close(crf.log_likelihood(emissions, truth, torch.full((81,), 4)).exp().sum(), torch.tensor(1.0, dtype=torch.float64))


def test_an_untrained_chain_is_a_softmax_at_every_step():
    emissions, truth = torch.randn(2, 5, 4), torch.randint(0, 4, (2, 5))
    expected = emissions.log_softmax(dim=-1).gather(2, truth[..., None]).sum(dim=(1, 2))
    torch.testing.assert_close(CRF(4).log_likelihood(emissions, truth, torch.tensor([5, 5])), expected)


def test_a_graph_that_is_retained_gives_the_same_gradient_twice():
    crf, emissions = built(3), torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    total = crf.log_likelihood(emissions, torch.zeros(2, 4, dtype=torch.int64), torch.tensor([4, 3])).sum()
    first, second = (torch.autograd.grad(total, emissions, retain_graph=True)[0] for _ in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_emissions_that_are_no_numbers_give_no_likelihood_to_their_row_alone(way):
    crf, emissions = built(3), torch.randn(2, 4, 3, dtype=torch.float64)
    emissions[0, 1, 1] = torch.nan
    likelihood = way(crf, emissions, torch.zeros(2, 4, dtype=torch.int64), torch.tensor([4, 4]))
    assert torch.isnan(likelihood).tolist() == [True, False]


def test_lengths_beyond_the_steps_are_a_mistake_of_ours():
    for lengths in ([4, 5], [4, -1]):
        with pytest.raises(AssertionError, match="lengths go from 0 to the steps"):
            CRF(3).log_likelihood(torch.zeros(2, 4, 3), torch.zeros(2, 4, dtype=torch.int64), torch.tensor(lengths))


def test_what_was_learnt_decodes_without_torch_and_rules_are_no_weights():
    rules = allowed(LABELS, "iob2")
    crf = built(5, rules)
    chain = crf.chain()
    assert (np.isneginf(chain.transitions) == ~rules.transitions).all() and chain.transitions.dtype == np.float64
    np.testing.assert_array_equal(chain.end, crf.end.detach().numpy())
    assert sorted(crf.state_dict()) == ["end", "start", "transitions"]
    emissions, lengths = torch.randn(4, 6, 5, dtype=torch.float64), torch.tensor([6, 3, 1, 5])
    paths, scores = chain.viterbi(emissions.numpy(), lengths.numpy())
    best = crf.log_likelihood(emissions, torch.from_numpy(paths), lengths).detach().numpy()
    np.testing.assert_allclose(best, scores - chain.log_partition(emissions.numpy(), lengths.numpy()), rtol=1e-10)
    for _ in range(20):
        other = torch.randint(0, 5, (4, 6))
        assert (crf.log_likelihood(emissions, other, lengths).detach().numpy() <= best + 1e-9).all()


def test_where_nothing_may_follow_single_steps_are_still_read():
    crf = built(2, Allowed(np.ones(2, bool), np.ones(2, bool), np.zeros((2, 2), bool)))
    emissions, truth = torch.randn(2, 2, 2, dtype=torch.float64, requires_grad=True), torch.tensor([[1, 0], [0, 0]])
    likelihood = crf.log_likelihood(emissions, truth, torch.tensor([1, 2]))
    expected = (crf.start + crf.end + emissions[0, 0]).log_softmax(dim=0)[1]
    torch.testing.assert_close(likelihood, torch.stack([expected, torch.full_like(expected, -torch.inf)]))
    for gradient in torch.autograd.grad(likelihood[0], [emissions, *crf.parameters()]):
        assert torch.isfinite(gradient).all()
