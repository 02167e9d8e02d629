"""Card texts of the whole shelf, by the adapter's slug."""

from engine.builtin.stories_looks import LOOKS
from engine.builtin.stories_objects import OBJECTS

STORIES = {**OBJECTS, **LOOKS}
