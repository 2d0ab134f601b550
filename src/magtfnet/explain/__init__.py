"""Why a model answers as it does: what happens inside it, and which parts of a recording speak for which emotion."""

from magtfnet.explain.attribution import METHODS as METHODS
from magtfnet.explain.attribution import Attribution as Attribution
from magtfnet.explain.explanation import Explanation as Explanation
from magtfnet.explain.explanation import explain as explain
from magtfnet.explain.inside import Inside as Inside
from magtfnet.explain.inside import look_inside as look_inside
from magtfnet.explain.players import Players as Players
from magtfnet.explain.players import find_players as find_players
