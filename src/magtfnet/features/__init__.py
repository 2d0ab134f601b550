"""Waveforms to frames, as torch modules, so that training and the shipped model share one front end."""

from magtfnet.features.batch import FeatureBatch as FeatureBatch
from magtfnet.features.front_end import FrontEnd as FrontEnd
from magtfnet.features.functionals import functionals as functionals
from magtfnet.features.lld import LowLevelDescriptors as LowLevelDescriptors
from magtfnet.features.log_mel import LogMel as LogMel
from magtfnet.features.standardize import Standardizer as Standardizer
from magtfnet.features.store import FeatureStore as FeatureStore
