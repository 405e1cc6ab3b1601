"""Labels, words and the text encoder."""

import pytest
import torch
import torch.nn.functional as F

from minidiff.conditions import LabelEncoder, TextEncoder, Tokenizer
from minidiff.recipes.digits import labelled

WORDS = "a thin thick seven leaning left right digit".split()


def encoder():
    torch.manual_seed(0)
    return TextEncoder(Tokenizer(WORDS, 6), width=16).eval()


def test_tokenizer_pads_and_starts():
    tokenizer = Tokenizer(WORDS, 6)
    ids, mask = tokenizer(["A thick, seven!", ""])
    assert ids.shape == mask.shape == (2, 6)
    words = [[tokenizer.words[i] for i in row] for row in ids]
    assert words[0] == ["<start>", "a", "thick", "seven", "<pad>", "<pad>"]
    assert mask.tolist() == [[True] * 4 + [False] * 2, [True] + [False] * 5]


def test_unknown_word_is_named_with_its_neighbours():
    with pytest.raises(ValueError, match="'thik'; did you mean thick or thin"):
        Tokenizer(WORDS, 6)(["a thik seven"])
    with pytest.raises(ValueError, match="'zebra'; it knows a, digit"):
        Tokenizer(WORDS, 6)(["zebra"])


def test_long_prompt_says_the_limit():
    Tokenizer(WORDS, 6)(["a a a a a"])
    with pytest.raises(ValueError, match="6 words; the limit is 5"):
        Tokenizer(WORDS, 6)(["a a a a a a"])
    with pytest.raises(ValueError, match="must be a text, got 7"):
        Tokenizer(WORDS, 6)([7])


def test_encoder_shapes_and_independence():
    tokens, mask = encoder()(["a thin seven", "", "thick"])
    assert tokens.shape == (3, 6, 16) and mask.dtype == torch.bool
    alone, _ = encoder()(
        [
            "",
        ]
    )
    torch.testing.assert_close(tokens[1:2][mask[1:2]], alone[mask[1:2]])


def test_word_order_matters_to_the_encoder():
    tokens, mask = encoder()(["leaning left", "left leaning"])
    assert not torch.allclose(tokens[0, 0], tokens[1, 0], atol=1e-4)


def test_the_encoder_is_what_its_formula_says():
    """One layer, norms first: attention and two linear layers, each added to what came in."""
    tokenizer = Tokenizer(["a", "red", "fox"], 5)
    encoder = TextEncoder(tokenizer, 8, depth=1, heads=2)
    ids, mask = tokenizer(["a red fox", "fox"])
    layer, h = encoder.layers.layers[0], encoder.token_embedding(ids) + encoder.position_embedding
    a = layer.norm1(h)
    h = h + layer.self_attn(a, a, a, key_padding_mask=~mask)[0]
    h = h + layer.linear2(F.gelu(layer.linear1(layer.norm2(h))))
    tokens, told = encoder(["a red fox", "fox"])
    assert torch.equal(told, mask)
    torch.testing.assert_close(tokens[mask], encoder.norm(h)[mask])


def test_labels():
    encoder = LabelEncoder(10, 8)
    tokens, mask = encoder([3, "3", None])
    assert tokens.shape == (3, 1, 8) and mask.all()
    assert encoder.embedding.weight.shape == (11, 8)  # each label, and none
    assert torch.equal(tokens[0], tokens[1]) and not torch.equal(tokens[0], tokens[2])


@pytest.mark.parametrize("label", [10, -1, "three", 2.5])
def test_bad_labels(label):
    with pytest.raises(ValueError, match="label must be a number from 0 to 9"):
        LabelEncoder(10, 8)([label])


def test_one_label_in_ten_is_left_out_of_the_training_data():
    """Or there would be nothing that guidance could start from."""
    draw = labelled(torch.zeros(10, 2), torch.arange(10))
    _, prompts = draw(4000, torch.Generator().manual_seed(0))
    assert 320 < prompts.count(None) < 480  # four standard deviations
    assert set(prompts) == {None, *range(10)}
