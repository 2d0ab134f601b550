"""Labels in, numbers out: metrics, intervals and reports. No torch; matplotlib only for the page."""

from magtfnet.evaluation.aggregate import AggregateReport as AggregateReport
from magtfnet.evaluation.report import EvaluationReport as EvaluationReport
from magtfnet.evaluation.report import ScoredUtterance as ScoredUtterance
