"""Recipes: how each shipped model is made; names are looked up at the command line."""

from . import (
    clips,
    codec,
    digits,
    enlarge,
    fast,
    judges,
    photos,
    points,
    scenes,
    shared,
    variations,
)
from .digits import digit_data, digit_model, digit_text_model, labelled
from .points import point_data, point_model
from .recipe import Recipe
from .scenes import full_scenes, small_scenes

RECIPES = {
    **points.RECIPES,
    **digits.RECIPES,
    **codec.RECIPES,
    **scenes.RECIPES,
    **fast.RECIPES,
    **clips.RECIPES,
    **enlarge.RECIPES,
    **photos.RECIPES,
    **judges.RECIPES,
    **shared.RECIPES,
    **variations.RECIPES,
}

__all__ = [
    "RECIPES", "Recipe", "digit_data", "digit_model", "digit_text_model",
    "full_scenes", "labelled", "photos", "point_data", "point_model", "small_scenes",
]  # fmt: skip
