"""Near-copies of training pictures: the two nearest neighbours, with twins counted once."""

import pytest
import torch

from minidiff.evaluation.memorisation import first_of_each, near_copies, neighbours


def pictures(n, seed=0):
    return torch.rand(n, 1, 5, 4, generator=torch.Generator().manual_seed(seed))


def test_neighbours_are_those_of_the_sorted_distances():
    made, training = pictures(7), pictures(30, seed=1)
    apart = (made[:, None] - training).double().flatten(2).norm(dim=2)
    ordered, order = apart.sort(1)
    index, nearest, second = neighbours(made, training)
    assert torch.equal(index, order[:, 0])
    assert torch.allclose(nearest, ordered[:, 0]) and torch.allclose(second, ordered[:, 1])


def test_the_ratio_decides():
    training = torch.tensor([[0.0, 0.0], [4.0, 0.0]])
    made = torch.tensor([[0.9, 0.0], [1.1, 0.0], [2.0, 0.0], [4.0, 0.1]])  # 0.29, 0.38, 1, 0.025
    assert near_copies(made, training).tolist() == [True, False, False, True]
    assert near_copies(made, training, ratio=0.5).tolist() == [True, True, False, True]


def test_a_picture_of_the_training_set_is_a_copy_even_if_it_is_there_twice():
    training = pictures(20)
    twins = torch.cat([training[3:4], training, training[3:4]])
    assert near_copies(training[3:4], twins).all()
    index, nearest, second = neighbours(training[3:4], twins)
    assert index.item() == 0 and nearest.item() < 1e-6
    assert second.item() == pytest.approx(neighbours(training[3:4], training)[2].item())


def test_other_pictures_of_the_same_law_are_no_copies():
    assert not near_copies(pictures(50), pictures(200, seed=1)).any()


def test_first_of_each_keeps_the_order():
    a, b, c = pictures(3)
    assert first_of_each(torch.stack([b, a, b, c, a])).tolist() == [0, 1, 3]


@pytest.mark.parametrize(
    "made, training, told",
    [
        (pictures(2), torch.rand(5, 1, 4, 4), r"one shape, got \(1, 5, 4\) and \(1, 4, 4\)"),
        (pictures(2), pictures(1), "at least 2 different pictures, got 1"),
        (pictures(2), pictures(1).repeat(3, 1, 1, 1), "at least 2 different pictures, got 1"),
    ],
)
def test_bad_input_is_told_in_one_sentence(made, training, told):
    with pytest.raises(ValueError, match=told):
        neighbours(made, training)
