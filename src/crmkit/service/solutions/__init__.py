"""Solutions: answers that have helped, so that they help again.

::

    solution.py   what a solution is, how it moves, and its editions
    words.py      the words by which it is found, in any script
    searching.py  which ones have the asked words, ranked by BM25
    suggesting.py what is offered first of what fits
    merit.py      which cases they solved, and how satisfied the customers were
    writing.py    draft, translate, revise, publish, withdraw
    self_help.py  what is offered before a case is opened, and how often that was enough
    desk.py       crm.service.solutions
"""

from crmkit.service.solutions.desk import Offered, Solutions
from crmkit.service.solutions.merit import SolutionMerit, SolutionRating, SolutionUse
from crmkit.service.solutions.searching import Found
from crmkit.service.solutions.self_help import Deflection, Deflections, Enquiry
from crmkit.service.solutions.solution import SOLUTION, Solution, SolutionEdition
from crmkit.service.solutions.suggesting import Suggestion

__all__ = [
    "SOLUTION",
    "Deflection",
    "Deflections",
    "Enquiry",
    "Found",
    "Offered",
    "Solution",
    "SolutionEdition",
    "SolutionMerit",
    "SolutionRating",
    "SolutionUse",
    "Solutions",
    "Suggestion",
]
